//! A text becomes a document.

use super::{
    Document, Malformed, Statement,
    json::{self, Kind, Node},
};

/// The versions of the policy language. Without `Version` a policy is of the first.
const VERSIONS: [&str; 2] = ["2008-10-17", "2012-10-17"];

impl Document {
    /// Reads a policy and keeps its text byte for byte.
    ///
    /// The values of `Effect` are case-sensitive, as in IAM, and so are the names of elements \[X\]; their order is free;
    /// `Statement` is a list or one object. Elements that IAM does not name are kept. `Principal` or `NotPrincipal` is
    /// required, as IAM requires it in resource-based policies; `Resource` is not, since ECR's policies have none.
    ///
    /// # Errors
    /// [`Malformed`] if the text is not JSON, has a name twice in an object, is not a policy, or is of a version of the
    /// language whose meaning is not known here.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let root = json::read(text)?;
        let Kind::Object(members) = &root.kind else {
            return Err(not_a_policy("it is not a JSON object"));
        };
        check_version(members)?;
        let element = members.iter().find(|(name, _)| name == "Statement");
        let (_, element) = element.ok_or_else(|| not_a_policy("it has no element \"Statement\""))?;
        let (single, nodes) = match &element.kind {
            Kind::List(items) => (false, items.as_slice()),
            _ => (true, std::slice::from_ref(element)),
        };
        let statements = nodes.iter().enumerate().map(|(at, node)| Statement::read(node, text, at));
        let statements = statements.collect::<Result<_, _>>()?;
        Ok(Self { text: text.to_owned(), element: element.span.clone(), single, statements })
    }
}

fn check_version(members: &[(String, Node)]) -> Result<(), Malformed> {
    match members.iter().find(|(name, _)| name == "Version").map(|(_, node)| &node.kind) {
        None => Ok(()),
        Some(Kind::Text(version)) if VERSIONS.contains(&version.as_str()) => Ok(()),
        Some(_) => Err(Malformed::new(
            "the element Version",
            "it is not a version of the policy language that is known here",
            "use \"2012-10-17\"",
        )),
    }
}

fn not_a_policy(what: &str) -> Malformed {
    Malformed::new("the policy", what, "put a JSON object with a list \"Statement\" in its place")
}

//! `sharekeeper iam`: the IAM policies that the controller needs, and no more than it needs.
//!
//! What each statement may and may not do with keys that a request does not carry is in ram.md §6.1; the tests hold the
//! policies against it.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::{Failure, print};
use crate::config::Output;

pub use crate::aws::operations::OPERATIONS as ACTIONS;

mod policies;

/// Options of `sharekeeper iam`.
#[derive(Clone, Debug, Args)]
pub struct IamArgs {
    /// Which policy is printed; without it, all are.
    #[arg(long, value_enum, value_name = "NAME")]
    pub role: Option<Role>,
    /// `spec.id` of the Installation: the writer and the remover touch only what bears its mark.
    #[arg(long, value_name = "ID", value_parser = id)]
    pub installation: Option<String>,
    /// The organization's id: nobody outside it may come in, and the controller goes nowhere outside it.
    #[arg(long, value_name = "o-ID", value_parser = organization)]
    pub organization: Option<String>,
    /// The ARN of the role that the controller itself runs as: the only one that may assume the accounts' roles.
    #[arg(long, value_name = "ARN", value_parser = role_arn)]
    pub controller_role: Option<String>,
    /// The external id that the accounts' roles ask for: `spec.access.externalId` of the AccountSet.
    #[arg(long, value_name = "TEXT", value_parser = external_id)]
    pub external_id: Option<String>,
    /// The name, with its path if it has one, of a role that the controller assumes; may be given several times.
    #[arg(long = "role-name", value_name = "NAME", default_value = "sharekeeper", value_parser = role_name)]
    pub role_names: Vec<String>,
    /// The partition.
    #[arg(long, value_enum, default_value_t)]
    pub partition: Partition,
    /// Let the writer share outside the organization: needed where Shares say `allowExternal`.
    #[arg(long)]
    pub allow_external: bool,
    /// Let the remover take down what bears no mark: needed for `undeclared.action` Revoke or Delete and for `decision:
    /// Remove`. What another installation marked stays out of its reach.
    #[arg(long)]
    pub remove_undeclared: bool,
    /// Let the organization's role turn on RAM's sharing: needed for `ramSharing: Enable`, in the management account.
    #[arg(long)]
    pub enable_sharing: bool,
    /// How the policies are printed.
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
}

/// A policy that is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// Sees all RAM shares of an account and changes nothing.
    Reader,
    /// Makes RAM shares and adds to those that bear our mark.
    Writer,
    /// Takes grants from shares that bear our mark, and deletes them.
    Remover,
    /// Sees and changes the policies of KMS keys: only where Shares name keys.
    Keys,
    /// Sees and changes the policies of secrets, repositories, queues and topics: only where Shares name them.
    ResourcePolicies,
    /// Who may assume the accounts' roles.
    Trust,
    /// Sees the organization.
    Organization,
    /// What the controller's own role may do: assume the others.
    Controller,
}

/// An AWS partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Partition {
    /// AWS.
    #[default]
    Aws,
    /// China.
    AwsCn,
    /// GovCloud (US).
    AwsUsGov,
}

impl Partition {
    fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsUsGov => "aws-us-gov",
        }
    }
}

impl Role {
    /// In the order in which they are set up.
    pub const ALL: [Self; 8] = [
        Self::Controller,
        Self::Organization,
        Self::Trust,
        Self::Reader,
        Self::Writer,
        Self::Remover,
        Self::Keys,
        Self::ResourcePolicies,
    ];

    /// Its name on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Remover => "remover",
            Self::Keys => "keys",
            Self::ResourcePolicies => "resource-policies",
            Self::Trust => "trust",
            Self::Organization => "organization",
            Self::Controller => "controller",
        }
    }

    /// Where it belongs.
    fn place(self) -> &'static str {
        match self {
            Self::Reader => {
                "Permissions of the role in each governed account. Alone it is enough for mode Report."
            }
            Self::Writer => {
                "Permissions of the role in each governed account, beside the reader's, for modes AddOnly and Enforce."
            }
            Self::Remover => {
                "Permissions of the role in each governed account, beside both others, for mode Enforce."
            }
            Self::Keys => {
                "Permissions of the role in each governed account, beside the reader's, where Shares name KMS keys."
            }
            Self::ResourcePolicies => {
                "Permissions of the role in each governed account, beside the reader's, where Shares name secrets, \
                 repositories, queues or topics."
            }
            Self::Trust => "Trust policy of the role in each governed account.",
            Self::Organization => {
                "Permissions of the role in the management account, or of a delegated administrator, that the \
                 Organization names."
            }
            Self::Controller => "Permissions of the role that the controller itself runs as.",
        }
    }
}

/// Something that a policy needs was not said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {role} policy needs {option}; --role prints a single policy", role = .role.as_str())]
pub struct Missing {
    role: Role,
    option: &'static str,
}

/// Prints the policies.
pub fn run(args: &IamArgs) -> Result<ExitCode, Failure> {
    let documents = documents(args)?;
    let text = match args.output {
        Output::Json => format!("{:#}\n", as_json(args, &documents)),
        Output::Text => documents.iter().map(|(role, policy)| as_text(*role, policy)).collect(),
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// The policies that are asked for.
pub fn documents(args: &IamArgs) -> Result<Vec<(Role, Value)>, Missing> {
    if let Some(role) = args.role {
        return Ok(vec![(role, document(role, args)?)]);
    }
    Role::ALL.into_iter().map(|role| document(role, args).map(|policy| (role, policy))).collect()
}

/// One policy, as IAM takes it.
pub fn document(role: Role, args: &IamArgs) -> Result<Value, Missing> {
    let need = |given: &Option<String>, option: &'static str| given.clone().ok_or(Missing { role, option });
    let partition = args.partition.as_str();
    let statements = match role {
        Role::Reader => policies::reader(),
        Role::Writer => {
            let installation = need(&args.installation, "--installation")?;
            policies::writer(partition, &installation, args.allow_external)
        }
        Role::Remover => {
            let installation = need(&args.installation, "--installation")?;
            policies::remover(partition, &installation, args.remove_undeclared)
        }
        Role::Keys => policies::keys(partition),
        Role::ResourcePolicies => policies::resource_policies(partition),
        Role::Trust => {
            let controller = need(&args.controller_role, "--controller-role")?;
            let organization = need(&args.organization, "--organization")?;
            policies::trust(&controller, &organization, args.external_id.as_deref())
        }
        Role::Organization => policies::organization(partition, args.enable_sharing),
        Role::Controller => {
            let organization = need(&args.organization, "--organization")?;
            policies::controller(partition, &organization, &args.role_names)
        }
    };
    Ok(json!({"Version": "2012-10-17", "Statement": statements}))
}

/// One policy as it is; several by name.
fn as_json(args: &IamArgs, documents: &[(Role, Value)]) -> Value {
    match (args.role, documents) {
        (Some(_), [(_, policy)]) => policy.clone(),
        _ => documents.iter().map(|(role, policy)| (role.as_str().to_owned(), policy.clone())).collect(),
    }
}

fn as_text(role: Role, policy: &Value) -> String {
    format!("# {}: {}\n{policy:#}\n\n", role.as_str(), role.place())
}

fn id(text: &str) -> Result<String, String> {
    let fits = (1..=63).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits { Ok(text.to_owned()) } else { Err("write 1 to 63 characters a-z, 0-9 and -".to_owned()) }
}

fn organization(text: &str) -> Result<String, String> {
    let fits = text.strip_prefix("o-").is_some_and(|rest| {
        (10..=32).contains(&rest.len()) && rest.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    });
    if fits {
        Ok(text.to_owned())
    } else {
        Err("write the organization's id, such as o-a1b2c3d4e5".to_owned())
    }
}

/// One role: a principal that is anything wider would let others in.
fn role_arn(text: &str) -> Result<String, String> {
    let mut parts = text.splitn(6, ':');
    let head: Vec<_> = parts.by_ref().take(5).collect();
    let account = |text: &str| text.len() == 12 && text.chars().all(|c| c.is_ascii_digit());
    let fits = match (head.as_slice(), parts.next().and_then(|rest| rest.strip_prefix("role/"))) {
        (["arn", _, "iam", "", id], Some(name)) => {
            account(id) && role_name(name).is_ok_and(|same| same == name)
        }
        _ => false,
    };
    let wrong = "write the ARN of one role, such as arn:aws:iam::111122223333:role/sharekeeper-controller";
    if fits { Ok(text.to_owned()) } else { Err(wrong.to_owned()) }
}

/// What STS takes; no `$`, which IAM would read as a variable.
fn external_id(text: &str) -> Result<String, String> {
    let fits = (2..=1224).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c));
    if fits {
        Ok(text.to_owned())
    } else {
        Err("write 2 to 1224 characters of A-Z a-z 0-9 _+=,.@:/-".to_owned())
    }
}

/// What a role's name and path are made of; above all, no wildcard.
fn role_name(text: &str) -> Result<String, String> {
    let name = text.trim_start_matches('/');
    let fits = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@_-/".contains(c));
    if fits {
        Ok(name.to_owned())
    } else {
        Err("write the role's name, with its path but no wildcard".to_owned())
    }
}

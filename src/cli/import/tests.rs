//! Over generated shares: what is written is taken by the schema, and once claimed it differs in nothing but what was said.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kube::core::DeserializeGuard;
use proptest::prelude::*;

use super::{
    declare::{Style, declare},
    difference::{forecast, permissive},
    document::{body, head},
};
use crate::{
    api::{AccountSet, Share},
    cli::{governed::FirstLook, plan::manifests::ShareReader},
    controllers::{
        account_region::gather::Gathered,
        context::{OrganizationState, OrganizationView},
    },
    mechanism::plan::mark,
    model::{Arn, Principal, ShareKey, Slot, Timestamp},
    org::tree::tests::tree,
    plan::{
        gate::{Gate, Mode},
        observed::{AssociationState, AttachedPermission, Container, ContainerState, Listing, Origin, Row},
        report::describe,
        resolve::Departure,
    },
};

const OWNER: &str = "111122223333";

fn now() -> Timestamp {
    Timestamp::from_second(1_795_564_800).unwrap()
}

fn gathered(organization: OrganizationView) -> Gathered {
    let spec = serde_json::json!({"mode": "Enforce", "organization": "acme", "accounts": [{"id": OWNER}], "regions": ["eu-west-1"]});
    Gathered {
        cell: crate::model::Cell { account: OWNER.parse().unwrap(), region: "eu-west-1".parse().unwrap() },
        set: AccountSet::new("network", serde_json::from_value(spec).unwrap()),
        organization,
        shares: vec![],
        policies: vec![],
        unreadable: BTreeSet::new(),
        records: BTreeMap::new(),
        scopes: Box::new(Vec::new),
        approvals: crate::plan::budget::Approvals::default(),
        installation: "us".into(),
        peers: vec![],
        gate: Gate {
            halted: None,
            suspended: false,
            mode: Mode::Enforce,
            report_drift: false,
            settling: false,
        },
        now: now(),
    }
}

fn known() -> OrganizationView {
    let state = OrganizationState {
        tree: Arc::new(tree()),
        sharing: Some(true),
        at: now(),
        refresh: std::time::Duration::from_secs(600),
    };
    OrganizationView::Known(state, true)
}

/// Literals of principals, and whether AWS says that they are outside.
const PRINCIPALS: [(&str, bool); 14] = [
    ("222233334444", false),
    ("333344445555", false),
    ("111122223333", false),
    ("999988887777", true),
    // AWS and the tree disagree.
    ("555566667777", false),
    ("arn:aws:organizations::999900001111:organization/o-acme", false),
    ("arn:aws:organizations::999900001111:organization/o-other", true),
    ("arn:aws:organizations::999900001111:ou/o-acme/ou-r-prod", false),
    ("arn:aws:organizations::999900001111:ou/o-acme/ou-ab12-11111111", false),
    ("arn:aws:iam::222233334444:role/team/reader", false),
    ("arn:aws:iam::999988887777:user/jo", true),
    ("pca-connector-ad.amazonaws.com", false),
    ("arn:aws:iam::222233334444:root", false),
    ("something new", false),
];

const RESOURCES: [&str; 7] = [
    "arn:aws:ec2:eu-west-1:111122223333:transit-gateway/tgw-1",
    "arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-1",
    "arn:aws:route53resolver:eu-west-1:111122223333:resolver-rule/rslvr-rr-1",
    "arn:aws:acm-pca:eu-west-1:111122223333:certificate-authority/1",
    "arn:aws:network-firewall:eu-west-1:111122223333:firewall-policy/x",
    // Of a type that is not known, and in another region.
    "arn:aws:novelty:eu-west-1:111122223333:thing/1",
    "arn:aws:ec2:us-east-1:111122223333:subnet/subnet-2",
];

fn row() -> impl Strategy<Value = AssociationState> {
    prop_oneof![
        12 => Just("ASSOCIATED"),
        1 => Just("ASSOCIATING"),
        1 => Just("FAILED"),
        1 => Just("DISASSOCIATING"),
        1 => Just("DISASSOCIATED"),
        1 => Just("SUSPENDED"),
    ]
    .prop_map(AssociationState::parse)
}

fn chosen<T: Clone + std::fmt::Debug + 'static>(
    of: Vec<T>,
    most: usize,
) -> impl Strategy<Value = Vec<(T, AssociationState)>> {
    let picked = proptest::sample::subsequence(of, 0..=most);
    picked.prop_flat_map(|picked| {
        let states = proptest::collection::vec(row(), picked.len());
        (Just(picked), states).prop_map(|(picked, states)| picked.into_iter().zip(states).collect())
    })
}

fn permission() -> impl Strategy<Value = AttachedPermission> {
    let arns = [
        "arn:aws:ram::aws:permission/AWSRAMDefaultPermissionThing",
        "arn:aws:ram::aws:permission/AWSRAMPermissionReadOnly",
        "arn:aws:ram:eu-west-1:111122223333:permission/own",
    ];
    (proptest::sample::select(arns.to_vec()), 1_u8..4, any::<bool>()).prop_map(
        |(arn, version, is_default_version)| AttachedPermission {
            arn: arn.to_owned(),
            version: version.to_string(),
            is_default_version,
        },
    )
}

prop_compose! {
    fn container()(
        name in "[ -~]{1,40}|.{1,60}",
        principals in chosen(PRINCIPALS.to_vec(), 5),
        resources in chosen(RESOURCES.to_vec(), 4),
        permissions in proptest::collection::vec(permission(), 5),
        allows_external in any::<bool>(),
        state in prop_oneof![8 => Just("ACTIVE"), 1 => Just("PENDING"), 1 => Just("FAILED"), 1 => Just("ARCHIVED")],
        tags in proptest::collection::btree_map("[a-zA-Z:/ ]{1,12}", "[ -~]{0,12}", 0..3),
    ) -> Container {
        let row = |state: &AssociationState, external| Row { state: state.clone(), message: None, external, since: Some(now()) };
        let types = ["ec2:TransitGateway", "ec2:Subnet", "route53resolver:ResolverRule", "acm-pca:CertificateAuthority", "network-firewall:FirewallPolicy"];
        Container {
            id: "arn:aws:ram:eu-west-1:111122223333:resource-share/0a1b".parse().unwrap(),
            name,
            owner: OWNER.into(),
            state: ContainerState::parse(state),
            message: None,
            allows_external,
            origin: Origin::Standard,
            tags,
            principals: principals.iter().map(|((literal, external), state)| (Principal::parse(literal), row(state, *external))).collect(),
            resources: resources.iter().map(|(arn, state)| ((*arn).to_owned(), row(state, false))).collect(),
            permissions: types.iter().map(|t| (*t).to_owned()).zip(permissions).collect(),
        }
    }
}

/// The Share as it is read back, with the whole manifest; none where the schema refuses it.
fn imported(container: &Container, gathered: &Gathered, style: Style) -> Option<(Share, String)> {
    let key = ShareKey { namespace: "team".into(), name: "imported".into() };
    let declaration = declare(container, gathered, style);
    let body = body(&key, &declaration.spec).unwrap();
    thread_local!(static READER: RefCell<ShareReader> = RefCell::default());
    let share = READER.with_borrow_mut(|reader| reader.read(&body)).ok()?.pop()?;
    let forecast = forecast(container, &share, gathered);
    let text = head(container, &declaration.notes, &forecast, now()) + &body;
    Some((share, text))
}

/// The changes that are made to the container once it bears the mark of what was read back, in words.
fn changes(container: &Container, share: &Share, gathered: Gathered) -> Vec<String> {
    let policies = vec![Arc::new(DeserializeGuard(Ok(permissive(share, &gathered))))];
    let shares = vec![(Arc::new(DeserializeGuard(Ok(share.clone()))), Departure::Stays)];
    let gathered = Gathered { shares, policies, ..gathered };
    let desired = gathered.resolve();
    let resolved = desired.shares.values().next().unwrap();
    let outside = |target: &crate::api::share::Target| {
        target.external_account.is_some() || target.external_role.is_some()
    };
    let targets = &share.spec.targets;
    let slot = if !targets.is_empty() && targets.iter().all(outside) { Slot::Outer } else { Slot::Inner };
    let mut claimed = container.clone();
    claimed.tags.extend(mark(resolved, slot, "us").tags());
    let listing =
        Listing { containers: BTreeMap::from([(claimed.id.clone(), claimed)]), ..Listing::default() };
    let plan = gathered.plan(&desired, &listing, &FirstLook, &BTreeSet::new());
    let views = plan.shares.values().flat_map(BTreeMap::values);
    views
        .flat_map(|view| {
            view.changes()
                .map(|(change, _)| describe(&change.kind, container.object_kind()))
                .collect::<Vec<_>>()
        })
        .collect()
}

fn style(ids: bool, tags: bool) -> Style {
    Style { ids, tags, until: now().checked_add(std::time::Duration::from_secs(86_400)).unwrap() }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn nothing_changes_but_what_was_said(container in container(), ids in any::<bool>(), tags in any::<bool>(), with_tree in any::<bool>()) {
        let view = || if with_tree { known() } else { OrganizationView::None };
        let read_back = imported(&container, &gathered(view()), style(ids, tags));
        let Some((share, text)) = read_back else {
            // Only what no Share can hold is not written at all.
            let there = container.resources.iter().filter(|(_, row)| row.state.is_present());
            let elsewhere = there.clone().any(|(arn, _)| arn.parse::<Arn>().unwrap().region() != "eu-west-1");
            let unreadable = tags && container.tags.keys().any(|key| key.trim() != key);
            // The ids of the tree's units are shorter than AWS's.
            let short = (ids || !with_tree) && container.principals.keys().any(|p| p.organization_entity() == Some("ou-r-prod"));
            prop_assert!(there.count() == 0 || short || elsewhere || unreadable || container.name.is_empty(), "{:?}", container);
            return Ok(());
        };
        let comments: String = text.lines().filter(|line| line.starts_with('#')).collect();
        let of_share: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        prop_assert_eq!(of_share.first(), Some(&"apiVersion: sharekeeper.dev/v1alpha1"));
        for change in changes(&container, &share, gathered(view())) {
            prop_assert!(comments.contains(&super::document::one_line(&change)), "{} is not said:\n{}", change, text);
        }
    }

    #[test]
    fn what_needs_no_word_gets_none(inside in proptest::sample::subsequence(vec![0, 1, 2, 5, 7], 1..4), resources in proptest::sample::subsequence(vec![0, 1, 2], 1..3)) {
        let row = || Row { state: AssociationState::Associated, message: None, external: false, since: None };
        let default = |t: &str| (t.to_owned(), AttachedPermission { arn: format!("arn:aws:ram::aws:permission/AWSRAMDefaultPermission{t}"), version: "1".into(), is_default_version: true });
        let container = Container {
            id: "arn:aws:ram:eu-west-1:111122223333:resource-share/0a1b".parse().unwrap(),
            name: "plain".into(),
            owner: OWNER.into(),
            state: ContainerState::Active,
            message: None,
            allows_external: false,
            origin: Origin::Standard,
            tags: BTreeMap::new(),
            principals: inside.iter().map(|at| (Principal::parse(PRINCIPALS[*at].0), row())).collect(),
            resources: resources.iter().map(|at| (RESOURCES[*at].to_owned(), row())).collect(),
            permissions: ["ec2:TransitGateway", "ec2:Subnet", "route53resolver:ResolverRule"].into_iter().map(default).collect(),
        };
        let gathered = Gathered { policies: vec![], ..gathered(known()) };
        let (share, text) = imported(&container, &gathered, style(false, false)).unwrap();
        // No policy allows it yet, which is said, and nothing else.
        prop_assert_eq!(text.lines().filter(|line| line.starts_with("#   *")).count(), 1, "{}", text);
        prop_assert!(text.contains("there is no SharingPolicy at all"), "{}", text);
        prop_assert_eq!(changes(&container, &share, gathered), Vec::<String>::new());
    }
}

#!/usr/bin/env python3
"""Checks the simulator's wire format with boto3, a client that was not written for it.

usage: boto3_check.py PATH_OF_SIMULATOR_BINARY
Exit: 0 all checks hold, 1 one does not, 77 boto3 is not installed (nothing was checked).
"""

import json
import subprocess
import sys

try:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError
except ImportError:
    print("SKIPPED: boto3 is not installed, so nothing was checked (pip install boto3)")
    sys.exit(77)

OWNER, CONSUMER, PARTNER, MANAGEMENT = "111122223333", "222233334444", "999988887777", "999900001111"
REGION = "eu-west-1"
RULE = f"arn:aws:route53resolver:{REGION}:{OWNER}:resolver-rule/rslvr-rr-0a1b"
SUBNET = f"arn:aws:ec2:{REGION}:{OWNER}:subnet/subnet-0a1b2c3d4e5f60001"
checked = 0


def check(what, holds, seen=None):
    global checked
    checked += 1
    if not holds:
        print(f"FAILED: {what}: {seen!r}")
        sys.exit(1)


def refused(what, code, status, call):
    try:
        answer = call()
    except ClientError as error:
        seen = (error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"])
        check(what, seen == (code, status), seen)
        return
    check(what, False, answer)


def main(binary):
    process = subprocess.Popen([binary, "serve"], stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(process.stdout.readline())["aws"]["url"]
        run(url)
    finally:
        process.kill()
        process.wait()
    print(f"ok: {checked} checks with boto3 {boto3.__version__}")


def client(url, service, account, key=None, secret="secret", token=None, region=REGION):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key or f"AKIA{account}",
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(retries={"max_attempts": 0}),
    )


def run(url):
    sts(url)
    organizations(url)
    ram(url)
    invitations(url)
    permissions(url)


def sts(url):
    controller = client(url, "sts", MANAGEMENT)
    check("identity", controller.get_caller_identity()["Account"] == MANAGEMENT)
    assume = dict(RoleArn=f"arn:aws:iam::{OWNER}:role/sharekeeper", RoleSessionName="boto3-check", DurationSeconds=900)
    refused("assume without external id", "AccessDenied", 403, lambda: controller.assume_role(**assume))
    answer = controller.assume_role(**assume, ExternalId="sharekeeper-example")
    keys = answer["Credentials"]
    check("expiration is a date", keys["Expiration"].year > 2020, keys["Expiration"])
    session = dict(key=keys["AccessKeyId"], secret=keys["SecretAccessKey"], token=keys["SessionToken"])
    identity = client(url, "sts", OWNER, **session).get_caller_identity()
    check("session", identity["Arn"].endswith("assumed-role/sharekeeper/boto3-check"), identity)
    check("session reads", client(url, "ram", OWNER, **session).get_resource_shares(resourceOwner="SELF")["resourceShares"])
    refused("unknown key", "InvalidClientTokenId", 403, client(url, "sts", "", key="AKIA000000000000").get_caller_identity)
    refused("unknown key", "UnrecognizedClientException", 403, lambda: client(url, "ram", "", key="AKIA000000000000").list_permissions())


def organizations(url):
    management = client(url, "organizations", MANAGEMENT)
    organization = management.describe_organization()["Organization"]
    check("management", organization["MasterAccountId"] == MANAGEMENT, organization)
    accounts = [a for page in management.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 3}) for a in page["Accounts"]]
    check("accounts", len(accounts) == 13 and all(a["Paths"] and a["State"] == "ACTIVE" for a in accounts), accounts)
    root = management.list_roots()["Roots"][0]["Id"]
    units = management.list_organizational_units_for_parent(ParentId=root)["OrganizationalUnits"]
    check("units", sorted(u["Name"] for u in units) == ["Infrastructure", "Sandbox", "Security", "Suspended", "Workloads"], units)
    check("unit path", units[0]["Path"].startswith(organization["Id"] + "/"), units[0])
    check("parents", management.list_parents(ChildId=units[0]["Id"])["Parents"][0] == {"Id": root, "Type": "ROOT"})
    check("children", len(management.list_children(ParentId=root, ChildType="ORGANIZATIONAL_UNIT")["Children"]) == 5)
    services = management.list_aws_service_access_for_organization()["EnabledServicePrincipals"]
    check("trusted access", [s["ServicePrincipal"] for s in services] == ["ram.amazonaws.com"], services)
    refused("no such unit", "ParentNotFoundException", 400, lambda: management.list_accounts_for_parent(ParentId="ou-none-00000000"))
    refused("member", "AccessDeniedException", 400, lambda: client(url, "organizations", OWNER).list_accounts())
    refused("outsider", "AWSOrganizationsNotInUseException", 400, lambda: client(url, "organizations", PARTNER).describe_organization())


def ram(url):
    owner = client(url, "ram", OWNER)
    wish = dict(name="boto3", resourceArns=[RULE], principals=[CONSUMER], allowExternalPrincipals=False, clientToken="token-1", tags=[{"key": "a", "value": "b"}])
    made = owner.create_resource_share(**wish)
    share = made["resourceShare"]["resourceShareArn"]
    check("token echoed", made["clientToken"] == "token-1", made)
    check("replay", owner.create_resource_share(**wish)["resourceShare"]["resourceShareArn"] == share)
    refused("token reused", "IdempotentParameterMismatchException", 400, lambda: owner.create_resource_share(**{**wish, "name": "other"}))
    pages = owner.get_paginator("get_resource_share_associations").paginate(associationType="PRINCIPAL", PaginationConfig={"PageSize": 1})
    rows = [row for page in pages for row in page["resourceShareAssociations"] if row["resourceShareArn"] == share]
    check("associated", [(r["associatedEntity"], r["status"], r["external"]) for r in rows] == [(CONSUMER, "ASSOCIATED", False)], rows)
    kept = owner.list_permission_associations(resourceType="route53resolver:resolverrule")["permissions"]
    check("default permission", kept[0]["arn"].endswith("AWSRAMDefaultPermissionResolverRule") and kept[0]["defaultVersion"], kept)
    consumer = client(url, "ram", CONSUMER)
    seen = consumer.get_resource_shares(resourceOwner="OTHER-ACCOUNTS")["resourceShares"]
    check("consumer", [s["resourceShareArn"] for s in seen] == [share], seen)
    check("resources", consumer.list_resources(resourceOwner="OTHER-ACCOUNTS")["resources"][0]["arn"] == RULE)
    check("tags", owner.get_resource_shares(resourceOwner="SELF", tagFilters=[{"tagKey": "a", "tagValues": ["b"]}])["resourceShares"][0]["tags"] == [{"key": "a", "value": "b"}])
    owner.tag_resource(resourceShareArn=share, tags=[{"key": "c", "value": "d"}])
    owner.untag_resource(resourceShareArn=share, tagKeys=["a"])
    check("retagged", owner.get_resource_shares(resourceOwner="SELF", resourceShareArns=[share])["resourceShares"][0]["tags"] == [{"key": "c", "value": "d"}])
    refused("reserved tag", "TagPolicyViolationException", 400, lambda: owner.tag_resource(resourceShareArn=share, tags=[{"key": "aws:x", "value": ""}]))
    refused("both filters", "InvalidParameterException", 400, lambda: owner.get_resource_share_associations(associationType="RESOURCE", resourceShareArns=[share], associationStatus="ASSOCIATED"))
    refused("malformed principal", "InvalidParameterException", 400, lambda: owner.associate_resource_share(resourceShareArn=share, principals=["o-abc"]))
    refused("outsider", "InvalidParameterException", 400, lambda: owner.associate_resource_share(resourceShareArn=share, principals=[PARTNER]))
    refused("malformed ARN", "MalformedArnException", 400, lambda: owner.associate_resource_share(resourceShareArn=share, resourceArns=["x"]))
    refused("bad token", "InvalidNextTokenException", 400, lambda: owner.list_permissions(nextToken="x"))
    gone = owner.disassociate_resource_share(resourceShareArn=share, principals=[CONSUMER])["resourceShareAssociations"]
    check("disassociating", gone[0]["status"] == "DISASSOCIATING", gone)
    ghosts = owner.get_resource_share_associations(associationType="PRINCIPAL", resourceShareArns=[share])["resourceShareAssociations"]
    check("ghost", ghosts[0]["status"] == "DISASSOCIATED", ghosts)
    check("deleted", owner.delete_resource_share(resourceShareArn=share, clientToken="token-2")["returnValue"])
    tomb = owner.get_resource_shares(resourceOwner="SELF", name="boto3")["resourceShares"]
    check("tombstone", [t["status"] for t in tomb] == ["DELETED"], tomb)
    refused("gone", "UnknownResourceException", 400, lambda: owner.update_resource_share(resourceShareArn=share, name="x"))


def invitations(url):
    owner, partner = client(url, "ram", OWNER), client(url, "ram", PARTNER)
    share = owner.create_resource_share(name="outer", resourceArns=[RULE], principals=[PARTNER])["resourceShare"]["resourceShareArn"]
    refused("in flight", "InvalidStateTransitionException", 400, lambda: owner.disassociate_resource_share(resourceShareArn=share, principals=[PARTNER]))
    invitation = next(i for i in partner.get_resource_share_invitations()["resourceShareInvitations"] if i["status"] == "PENDING")
    arn = invitation["resourceShareInvitationArn"]
    check("invitation", (invitation["resourceShareArn"], invitation["senderAccountId"]) == (share, OWNER), invitation)
    check("offer", partner.list_pending_invitation_resources(resourceShareInvitationArn=arn)["resources"][0]["arn"] == RULE)
    check("accepted", partner.accept_resource_share_invitation(resourceShareInvitationArn=arn)["resourceShareInvitation"]["status"] == "ACCEPTED")
    refused("twice", "ResourceShareInvitationAlreadyAcceptedException", 400, lambda: partner.accept_resource_share_invitation(resourceShareInvitationArn=arn))
    rows = owner.get_resource_share_associations(associationType="PRINCIPAL", resourceShareArns=[share])["resourceShareAssociations"]
    check("external", [(r["status"], r["external"]) for r in rows] == [("ASSOCIATED", True)], rows)
    refused("organization only", "OperationNotPermittedException", 400, lambda: owner.associate_resource_share(resourceShareArn=share, resourceArns=[SUBNET]))


def permissions(url):
    owner = client(url, "ram", OWNER)
    template = json.dumps({"Effect": "Allow", "Action": ["vpc-lattice:GetService"]})
    wish = dict(name="lattice", resourceType="vpc-lattice:Service", policyTemplate=template)
    arn = owner.create_permission(**wish)["permission"]["arn"]
    refused("again", "PermissionAlreadyExistsException", 409, lambda: owner.create_permission(**wish))
    detail = owner.create_permission_version(permissionArn=arn, policyTemplate=template)["permission"]
    check("second version", (detail["version"], detail["defaultVersion"]) == ("2", True), detail)
    check("versions", len(owner.list_permission_versions(permissionArn=arn)["permissions"]) == 2)
    check("detail", owner.get_permission(permissionArn=arn, permissionVersion=1)["permission"]["version"] == "1")
    check("version deleted", owner.delete_permission_version(permissionArn=arn, permissionVersion=1)["permissionStatus"] == "DELETING")
    work = owner.replace_permission_associations(fromPermissionArn=arn, toPermissionArn=arn)["replacePermissionAssociationsWork"]
    check("work", owner.list_replace_permission_associations_work(workIds=[work["id"]])["replacePermissionAssociationsWorks"][0]["status"] == "COMPLETED")
    check("deleted", owner.delete_permission(permissionArn=arn)["returnValue"])
    check("types", len(owner.list_resource_types(resourceRegionScope="GLOBAL")["resourceTypes"]) > 3)
    refused("enable", "OperationNotPermittedException", 400, owner.enable_sharing_with_aws_organization)
    check("policies", owner.get_resource_policies(resourceArns=[RULE])["policies"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])

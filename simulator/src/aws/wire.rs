//! The wire formats, decoded and encoded: RAM's REST-JSON, SQS's JSON 1.0, the query protocol of STS and SNS, and JSON 1.1 of
//! the others.

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::journal::Kind;
use super::ram::OPERATIONS;
use super::refusal::Refusal;

/// A call as read from an HTTP request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) kind: Kind,
    pub(crate) region: String,
    pub(crate) key: Option<String>,
    pub(crate) token: Option<String>,
    pub(crate) params: Value,
}

/// Reads service, operation, caller and parameters; an error is a request that no service would take.
pub(crate) fn read(request: &http::Request<Bytes>) -> Result<Call, Refusal> {
    let scope = scope(request);
    let (key, region, service) = match scope {
        Some((key, region, service)) => (Some(key), region, service),
        None => (None, String::new(), service_by_shape(request)),
    };
    let (operation, kind, params) = match service.as_str() {
        "ram" => ram(request)?,
        "sts" | "sns" => query(request, &service)?,
        other => {
            let found = TARGETS.iter().find(|(service, _)| *service == other);
            let unknown =
                || Refusal::new(404, "UnknownOperationException", format!("no such service: {other}"));
            targeted(request, found.ok_or_else(unknown)?.1)?
        }
    };
    let token = header(request, "x-amz-security-token").map(ToOwned::to_owned);
    Ok(Call { service, operation, kind, region, key, token, params })
}

fn header<'a>(request: &'a http::Request<Bytes>, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|value| value.to_str().ok())
}

/// Access key, region and service of `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request`.
fn scope(request: &http::Request<Bytes>) -> Option<(String, String, String)> {
    let (_, credential) = header(request, "authorization")?.split_once("Credential=")?;
    let credential = credential.split(',').next()?.trim();
    let mut parts = credential.split('/');
    let (key, _date, region, service) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some((key.to_owned(), region.to_owned(), service.to_owned()))
}

fn service_by_shape(request: &http::Request<Bytes>) -> String {
    match header(request, "x-amz-target") {
        Some(target) => {
            let of = TARGETS.iter().find(|(_, prefix)| target.starts_with(prefix));
            of.map_or("organizations", |(service, _)| service).to_owned()
        }
        None if request.uri().path() == "/" => {
            let version = |(name, value): &(String, String)| name == "Version" && value == SNS_VERSION;
            let of_sns = form(&String::from_utf8_lossy(request.body())).iter().any(version);
            if of_sns { "sns" } else { "sts" }.to_owned()
        }
        None => "ram".to_owned(),
    }
}

type Read = (String, Kind, Value);

fn ram(request: &http::Request<Bytes>) -> Result<Read, Refusal> {
    let path = request.uri().path().trim_matches('/');
    let unknown = || Refusal::new(404, "UnknownOperationException", format!("no operation at /{path}"));
    let (name, kind) =
        OPERATIONS.iter().find(|(name, _)| name.eq_ignore_ascii_case(path)).copied().ok_or_else(unknown)?;
    let mut params = json_object(request.body())?;
    for (key, value) in form(request.uri().query().unwrap_or_default()) {
        let number = (key == "permissionVersion").then(|| value.parse::<i64>().ok()).flatten();
        params.insert(key, number.map_or(Value::String(value), Value::from));
    }
    Ok((name.to_owned(), kind, Value::Object(params)))
}

/// What `X-Amz-Target` starts with, by service.
const TARGETS: [(&str, &str); 5] = [
    ("organizations", "AWSOrganizationsV20161128."),
    ("kms", "TrentService."),
    ("secretsmanager", "secretsmanager."),
    ("ecr", "AmazonEC2ContainerRegistry_V20150921."),
    ("sqs", "AmazonSQS."),
];

fn targeted(request: &http::Request<Bytes>, service: &str) -> Result<Read, Refusal> {
    let target = header(request, "x-amz-target").unwrap_or_default();
    let operation = target
        .strip_prefix(service)
        .ok_or_else(|| Refusal::client("UnknownOperationException", format!("no target {target}")))?;
    Ok((operation.to_owned(), kind_of(operation), Value::Object(json_object(request.body())?)))
}

fn kind_of(operation: &str) -> Kind {
    let read = ["Describe", "Get", "List"].iter().any(|verb| operation.starts_with(verb));
    if read { Kind::Read } else { Kind::Write }
}

/// The members of an operation's input.
pub(crate) fn input<T: DeserializeOwned>(params: &Value) -> Result<T, Refusal> {
    T::deserialize(params).map_err(|error| Refusal::client("SerializationException", error.to_string()))
}

/// The query protocol: a form with the operation under `Action`. No operation of STS changes anything that is shared.
fn query(request: &http::Request<Bytes>, service: &str) -> Result<Read, Refusal> {
    let body = String::from_utf8_lossy(request.body());
    let mut params: Map<String, Value> =
        form(&body).into_iter().map(|(key, value)| (key, Value::String(value))).collect();
    params.remove("Version");
    match params.remove("Action") {
        Some(Value::String(action)) => {
            let kind = if service == "sts" { Kind::Read } else { kind_of(&action) };
            Ok((action, kind, Value::Object(params)))
        }
        _ => Err(Refusal::client("MissingAction", "The request must contain the parameter Action.")),
    }
}

fn json_object(body: &Bytes) -> Result<Map<String, Value>, Refusal> {
    if body.is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        _ => Err(Refusal::client("SerializationException", "the body is not a JSON object")),
    }
}

fn form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (percent_decode(key), percent_decode(value)))
        .collect()
}

fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escape = (first == b'%').then(|| tail.get(..2)).flatten();
        let byte = escape.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        match (byte, first) {
            (Some(byte), _) => {
                bytes.push(byte);
                rest = tail.get(2..).unwrap_or_default();
                continue;
            }
            (None, b'+') => bytes.push(b' '),
            (None, other) => bytes.push(other),
        }
        rest = tail;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

/// The HTTP answer to a call of `service`.
pub(crate) fn write(
    service: &str,
    operation: &str,
    id: &str,
    answer: &Result<Value, Refusal>,
) -> http::Response<Bytes> {
    let status = answer.as_ref().err().map_or(200, |refusal| refusal.status);
    let (kind, body) = match (service, answer) {
        ("sts", _) => ("text/xml", xml_body(STS_NAMESPACE, operation, id, answer)),
        ("sns", _) => ("text/xml", xml_body(SNS_NAMESPACE, operation, id, answer)),
        ("organizations" | "kms" | "secretsmanager" | "ecr", _) => {
            (JSON_1_1, json_body(service, operation, answer))
        }
        ("sqs", _) => (JSON_1_0, json_body(service, operation, answer)),
        (_, Ok(result)) => ("application/json", result.to_string()),
        (_, Err(refusal)) => ("application/json", json!({"message": refusal.message}).to_string()),
    };
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    if let Ok(id) = http::HeaderValue::from_str(id) {
        headers.insert("x-amzn-requestid", id);
    }
    let named = answer.as_ref().err().and_then(|refusal| error_header(service, refusal));
    if let Some((name, value)) = named {
        headers.insert(name, value);
    }
    response
}

/// The body of a JSON 1.0 or 1.1 answer.
fn json_body(service: &str, operation: &str, answer: &Result<Value, Refusal>) -> String {
    let refusal = match answer {
        // They send "back an HTTP 200 response with an empty HTTP body" [D].
        Ok(_) if ["PutKeyPolicy", "SetQueueAttributes"].contains(&operation) => return String::new(),
        Ok(result) => return result.to_string(),
        Err(refusal) => refusal,
    };
    let member = if service == "organizations" { "Message" } else { "message" };
    let code = if service == "sqs" { sqs_shape(&refusal.code) } else { refusal.code.clone() };
    json!({"__type": code, member: refusal.message}).to_string()
}

/// The header that names an error: SQS's with the code of its query protocol (`x-amzn-query-error`, aws.protocols
/// awsQueryCompatible \[M]); KMS, Secrets Manager, ECR and SNS name their errors in the body alone.
fn error_header(service: &str, refusal: &Refusal) -> Option<(&'static str, http::HeaderValue)> {
    let (name, value) = match service {
        "kms" | "secretsmanager" | "ecr" | "sns" => return None,
        "sqs" => {
            let kind = if refusal.status < 500 { "Sender" } else { "Receiver" };
            ("x-amzn-query-error", format!("{};{kind}", refusal.code))
        }
        _ => ("x-amzn-errortype", refusal.code.clone()),
    };
    Some((name, http::HeaderValue::from_str(&value).ok()?))
}

/// The shape that SQS names in `__type` for a code of its query protocol \[M]; for what is not in its model, that of the
/// common front \[X].
fn sqs_shape(code: &str) -> String {
    let common = |name: &str| format!("com.amazon.coral.service#{name}");
    match code {
        "AWS.SimpleQueueService.NonExistentQueue" => "com.amazonaws.sqs#QueueDoesNotExist".to_owned(),
        "AccessDenied" | "ExpiredToken" | "MissingAuthenticationToken" => common(&format!("{code}Exception")),
        "InvalidClientTokenId" => common("UnrecognizedClientException"),
        "UnknownOperationException" | "SerializationException" | "InternalFailure" | "ServiceUnavailable" => {
            common(code)
        }
        other => format!("com.amazonaws.sqs#{other}"),
    }
}

const STS_NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
const SNS_NAMESPACE: &str = "http://sns.amazonaws.com/doc/2010-03-31/";
const SNS_VERSION: &str = "2010-03-31";

/// The body of the query protocol's answers; one without members has no `Result` element (API_SetTopicAttributes \[D]).
fn xml_body(namespace: &str, operation: &str, id: &str, answer: &Result<Value, Refusal>) -> String {
    let id = format!("<RequestId>{id}</RequestId>");
    match answer {
        Ok(result) => {
            let members = xml(result);
            let name = format!("{operation}Result");
            let result = if members.is_empty() { members } else { format!("<{name}>{members}</{name}>") };
            format!(
                "<{operation}Response xmlns=\"{namespace}\">{result}<ResponseMetadata>{id}</ResponseMetadata></{operation}Response>"
            )
        }
        Err(refusal) => {
            let kind = if refusal.status < 500 { "Sender" } else { "Receiver" };
            let error = json!({"Type": kind, "Code": refusal.code, "Message": refusal.message});
            format!("<ErrorResponse xmlns=\"{namespace}\"><Error>{}</Error>{id}</ErrorResponse>", xml(&error))
        }
    }
}

/// The content of an element: members of a structure by name, those of a list as `member` \[M].
fn xml(value: &Value) -> String {
    let element = |name: &str, content: String| format!("<{name}>{content}</{name}>");
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                element(name, if name == "Attributes" { xml_map(value) } else { xml(value) })
            })
            .collect(),
        Value::Array(items) => items.iter().map(|item| element("member", xml(item))).collect(),
        Value::String(text) => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        other => other.to_string(),
    }
}

/// A map has entries of key and value \[M]; the only one is a topic's attributes.
fn xml_map(value: &Value) -> String {
    let entry =
        |(key, value)| format!("<entry><key>{}</key><value>{}</value></entry>", xml(&json!(key)), xml(value));
    value.as_object().into_iter().flatten().map(entry).collect()
}

/// Replaces every `status` (of keys: `KeyState`) of an answer: what a client of today sees of a value of tomorrow.
pub(crate) fn replace_status(answer: &mut Value, text: &str) {
    match answer {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if matches!(name.as_str(), "status" | "KeyState") && member.is_string() {
                    *member = Value::String(text.to_owned());
                } else {
                    replace_status(member, text);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace_status(item, text)),
        _ => {}
    }
}

/// `YYYY-MM-DDThh:mm:ssZ` of seconds since the epoch.
#[expect(clippy::cast_possible_truncation, reason = "a date within some thousand years")]
pub(crate) fn iso8601(at: f64) -> String {
    let seconds = at as i64;
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", rest / 3600, rest / 60 % 60, rest % 60)
}

/// Days since the epoch to a date of the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

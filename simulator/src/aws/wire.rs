//! The wire formats: RAM's REST-JSON, Organizations' and KMS's JSON 1.1 and STS's query protocol, decoded and encoded.

use bytes::Bytes;
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
        "organizations" => json_1_1(request, ORGANIZATIONS, &["Describe", "List"])?,
        "kms" => json_1_1(request, KMS, &["Describe", "Get", "List"])?,
        "sts" => sts(request)?,
        other => {
            return Err(Refusal::new(404, "UnknownOperationException", format!("no such service: {other}")));
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
    let target = header(request, "x-amz-target");
    if target.is_some_and(|target| target.starts_with(KMS)) {
        "kms".to_owned()
    } else if target.is_some() {
        "organizations".to_owned()
    } else if request.uri().path() == "/" {
        "sts".to_owned()
    } else {
        "ram".to_owned()
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

/// What `X-Amz-Target` starts with.
const ORGANIZATIONS: &str = "AWSOrganizationsV20161128.";
const KMS: &str = "TrentService.";

fn json_1_1(request: &http::Request<Bytes>, service: &str, reading: &[&str]) -> Result<Read, Refusal> {
    let target = header(request, "x-amz-target").unwrap_or_default();
    let operation = target
        .strip_prefix(service)
        .ok_or_else(|| Refusal::client("UnknownOperationException", format!("no target {target}")))?;
    let read = reading.iter().any(|verb| operation.starts_with(verb));
    let kind = if read { Kind::Read } else { Kind::Write };
    Ok((operation.to_owned(), kind, Value::Object(json_object(request.body())?)))
}

fn sts(request: &http::Request<Bytes>) -> Result<Read, Refusal> {
    let body = String::from_utf8_lossy(request.body());
    let mut params: Map<String, Value> =
        form(&body).into_iter().map(|(key, value)| (key, Value::String(value))).collect();
    params.remove("Version");
    match params.remove("Action") {
        Some(Value::String(action)) => Ok((action, Kind::Read, Value::Object(params))),
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

const JSON_1_1: &str = "application/x-amz-json-1.1";

/// The HTTP answer to a call of `service`.
pub(crate) fn write(
    service: &str,
    operation: &str,
    id: &str,
    answer: &Result<Value, Refusal>,
) -> http::Response<Bytes> {
    let (status, kind, body) = match (service, answer) {
        ("sts", Ok(result)) => (200, "text/xml", sts_result(operation, id, result)),
        ("sts", Err(refusal)) => (refusal.status, "text/xml", sts_error(id, refusal)),
        // PutKeyPolicy "sends back an HTTP 200 response with an empty HTTP body" [D].
        ("kms", Ok(Value::Object(members))) if members.is_empty() => (200, JSON_1_1, String::new()),
        ("organizations" | "kms", Ok(result)) => (200, JSON_1_1, result.to_string()),
        ("organizations", Err(refusal)) => {
            let body = json!({"__type": refusal.code, "Message": refusal.message}).to_string();
            (refusal.status, JSON_1_1, body)
        }
        ("kms", Err(refusal)) => {
            let body = json!({"__type": refusal.code, "message": refusal.message}).to_string();
            (refusal.status, JSON_1_1, body)
        }
        (_, Ok(result)) => (200, "application/json", result.to_string()),
        (_, Err(refusal)) => {
            (refusal.status, "application/json", json!({"message": refusal.message}).to_string())
        }
    };
    let mut response = http::Response::new(Bytes::from(body));
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
    if let Ok(id) = http::HeaderValue::from_str(id) {
        headers.insert("x-amzn-requestid", id);
    }
    // KMS names its errors in the body alone.
    let named = answer.as_ref().err().filter(|_| service != "kms");
    if let Some(code) = named.and_then(|refusal| http::HeaderValue::from_str(&refusal.code).ok()) {
        headers.insert("x-amzn-errortype", code);
    }
    response
}

fn sts_result(operation: &str, id: &str, result: &Value) -> String {
    format!(
        "<{operation}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{operation}Result>{}</{operation}Result>\
         <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{operation}Response>",
        xml(result)
    )
}

fn sts_error(id: &str, refusal: &Refusal) -> String {
    let kind = if refusal.status < 500 { "Sender" } else { "Receiver" };
    let error = json!({"Type": kind, "Code": refusal.code, "Message": refusal.message});
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>{}</Error><RequestId>{id}</RequestId></ErrorResponse>",
        xml(&error)
    )
}

fn xml(value: &Value) -> String {
    match value {
        Value::Object(members) => members
            .iter()
            .fold(String::new(), |text, (name, value)| text + &format!("<{name}>{}</{name}>", xml(value))),
        Value::String(text) => text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"),
        other => other.to_string(),
    }
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

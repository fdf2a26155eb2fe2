//! Client tokens: the same token with the same parameters answers what it answered before, and does nothing.

use serde_json::Value;

use crate::aws::caller::Caller;
use crate::aws::refusal::Refusal;
use crate::aws::world::World;

/// An answer kept for a client token.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    operation: String,
    params: Value,
    answer: Value,
    until: f64,
}

/// No documented form; what the SDKs send fits easily \[X].
const LONGEST: usize = 128;

impl World {
    /// Carries out `call` unless its client token has been answered; the flag says whether it was carried out.
    pub(super) fn with_token(
        &mut self,
        caller: &Caller,
        operation: &str,
        params: &Value,
        call: impl FnOnce(&mut Self) -> Result<Value, Refusal>,
    ) -> (Result<Value, Refusal>, bool) {
        let Some(token) = params.get("clientToken").and_then(Value::as_str) else {
            return (call(self), true);
        };
        if token.is_empty() || token.len() > LONGEST {
            let refusal = Refusal::client("InvalidClientTokenException", "The client token is not valid.");
            return (Err(refusal), false);
        }
        let now = self.now;
        let key = (caller.account.clone(), caller.region.clone(), token.to_owned());
        if let Some(known) = self.ram.answered.get(&key).filter(|known| known.until > now) {
            let same = known.operation == operation && known.params == *params;
            let answer = if same { Ok(known.answer.clone()) } else { Err(mismatch(token)) };
            return (answer, false);
        }
        let answer = call(self).map(|answer| echo(answer, token));
        if let Ok(answer) = &answer {
            let until = now + self.settings.token_lifetime;
            let kept = Answered {
                operation: operation.to_owned(),
                params: params.clone(),
                answer: answer.clone(),
                until,
            };
            self.ram.answered.insert(key, kept);
        }
        (answer, true)
    }
}

fn mismatch(token: &str) -> Refusal {
    Refusal::client(
        "IdempotentParameterMismatchException",
        format!("The request with client token {token} was made before with different parameters."),
    )
}

/// RAM answers with the token it was given \[M].
fn echo(mut answer: Value, token: &str) -> Value {
    if let Some(members) = answer.as_object_mut() {
        members.insert("clientToken".to_owned(), Value::String(token.to_owned()));
    }
    answer
}

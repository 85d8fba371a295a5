//! The names of the Worker's bindings, and its settings.

use wasm_bindgen::JsValue;
use worker::Env;
use worker::js_sys::Reflect;

use crate::settings::{Setting, Settings};

/// The D1 database of the ledger.
pub const DATABASE_BINDING: &str = "DB";

/// The namespace of the [`Settlement`](super::Settlement) object.
pub const SETTLEMENT_BINDING: &str = "SETTLEMENT";

/// The settings in `env`: variables and secrets.
pub fn settings(env: &Env) -> Settings {
    Settings::read(|name| match Reflect::get(env, &JsValue::from_str(name)) {
        Ok(value) if value.is_null() || value.is_undefined() => Setting::Missing,
        Ok(value) => value.as_string().map_or(Setting::NotText, Setting::Text),
        Err(_) => Setting::Missing,
    })
}

//! The Worker's bindings and settings.

use wasm_bindgen::JsValue;
use worker::Env;
use worker::js_sys::Reflect;

use crate::settings::{Setting, Settings};

/// The binding of the ledger's D1 database.
pub(crate) const DATABASE_BINDING: &str = "DB";

/// The binding of the [`Settlement`](super::Settlement) object's namespace.
pub(crate) const SETTLEMENT_BINDING: &str = "SETTLEMENT";

/// Reads the settings from `env`: variables and secrets.
pub(crate) fn settings(env: &Env) -> Settings {
    Settings::read(|name| match Reflect::get(env, &JsValue::from_str(name)) {
        Ok(value) if value.is_null() || value.is_undefined() => Setting::Missing,
        Ok(value) => value.as_string().map_or(Setting::NotText, Setting::Text),
        Err(_) => Setting::Missing,
    })
}

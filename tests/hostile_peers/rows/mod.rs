//! The table.

mod calls;
mod closes;
mod floods;
mod frames;
mod json;
mod proxies;
mod requests;
mod resets;
mod stalls;
mod tls;
mod unloading;
mod upgrade;

use super::row::Group;

/// All of it.
pub fn all() -> Vec<Group> {
    vec![
        upgrade::group(),
        proxies::group(),
        tls::group(),
        frames::group(),
        closes::group(),
        resets::group(),
        floods::group(),
        stalls::group(),
        json::group(),
        requests::group(),
        calls::group(),
        unloading::group(),
    ]
}

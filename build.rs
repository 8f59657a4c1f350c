//! What the linker must know of `libariws.so`: its SONAME, and that it stays mapped.

fn main() {
    // ARIWS_ABI_VERSION; a test compares the two.
    const ABI_VERSION: u32 = 0;
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libariws.so.{ABI_VERSION}");
    // A runtime with threads cannot be unmapped safely, and PBXs call dlclose.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
}

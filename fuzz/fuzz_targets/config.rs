#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rafka_fuzz::config(data));

//! What a good component never does.

use futures::SinkExt;
use spin_sdk::http::{Fields, OutgoingResponse, ResponseOutparam};

/// Sends the first half of a reply and traps.
pub(crate) async fn half_a_reply(out: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let mut sink = response.take_body();
    out.set(response);
    sink.send(b"half of".to_vec()).await.expect("the body is taken");
    std::process::abort();
}

pub(crate) fn run_for_ever() -> ! {
    let mut count = 0_u64;
    loop {
        count = std::hint::black_box(count.wrapping_add(1));
    }
}

/// Allocates until the host refuses, which ends the instance.
pub(crate) fn eat_memory() -> ! {
    let mut eaten = Vec::new();
    loop {
        eaten.push(std::hint::black_box(vec![1_u8; 1024 * 1024]));
    }
}

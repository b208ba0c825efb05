//! Tasks and timers on one thread under virtual time. The same program takes the same steps, always: tasks run in the order in
//! which they were woken, and timers of one moment fire in the order in which they were set.
//! Not here: anything of the world, and real time.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use jiff::{SignedDuration, Timestamp};

type Task = Pin<Box<dyn Future<Output = ()>>>;
/// Tasks that were woken, in order. Wakers must be sendable, though nothing here leaves its thread.
type Woken = Arc<Mutex<VecDeque<u64>>>;

/// A handle; clones share tasks and clock.
#[derive(Clone)]
pub struct Executor(Rc<Core>);

struct Core {
    now: Cell<Timestamp>,
    numbers: Cell<u64>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    timers: RefCell<BTreeMap<(Timestamp, u64), Waker>>,
    woken: Woken,
}

struct TaskWaker {
    task: u64,
    woken: Woken,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.task);
    }
}

impl Executor {
    /// An executor without tasks, whose clock stands at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self(Rc::new(Core {
            now: Cell::new(start),
            numbers: Cell::new(0),
            tasks: RefCell::default(),
            timers: RefCell::default(),
            woken: Woken::default(),
        }))
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.0.now.get()
    }

    /// Starts a task; its first step is taken by the next [`Executor::run_ready`].
    pub fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        let number = self.number();
        self.0.tasks.borrow_mut().insert(number, Box::pin(task));
        self.0.woken.lock().unwrap_or_else(PoisonError::into_inner).push_back(number);
    }

    /// Waits for a time.
    pub fn sleep(&self, duration: SignedDuration) -> Sleep {
        self.sleep_until(self.now().saturating_add(duration).unwrap_or(Timestamp::MAX))
    }

    /// Waits until a time.
    pub fn sleep_until(&self, until: Timestamp) -> Sleep {
        Sleep { executor: self.clone(), until, timer: None }
    }

    /// Runs tasks until all of them wait.
    pub fn run_ready(&self) {
        loop {
            let next = self.0.woken.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(number) = next else { return };
            // A task that has ended may be woken once more.
            let Some(mut task) = self.0.tasks.borrow_mut().remove(&number) else { continue };
            let waker = Waker::from(Arc::new(TaskWaker { task: number, woken: Arc::clone(&self.0.woken) }));
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.0.tasks.borrow_mut().insert(number, task);
            }
        }
    }

    /// When the next timer fires.
    pub fn next_timer(&self) -> Option<Timestamp> {
        self.0.timers.borrow().keys().next().map(|(at, _)| *at)
    }

    /// Moves the clock on, never back, and fires what is due.
    pub fn advance(&self, to: Timestamp) {
        self.0.now.set(self.now().max(to));
        loop {
            let mut timers = self.0.timers.borrow_mut();
            let due = timers.first_entry().filter(|timer| timer.key().0 <= self.now());
            let Some(timer) = due else { return };
            let waker = timer.remove();
            drop(timers);
            waker.wake();
        }
    }

    fn number(&self) -> u64 {
        let number = self.0.numbers.get();
        self.0.numbers.set(number + 1);
        number
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// A wait under way. Dropping it takes its timer back.
#[derive(Debug)]
#[must_use = "nothing waits until it is awaited"]
pub struct Sleep {
    executor: Executor,
    until: Timestamp,
    timer: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.executor.now() >= self.until {
            return Poll::Ready(());
        }
        let number = self.timer.unwrap_or_else(|| self.executor.number());
        self.timer = Some(number);
        self.executor.0.timers.borrow_mut().insert((self.until, number), context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(number) = self.timer {
            self.executor.0.timers.borrow_mut().remove(&(self.until, number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_wake_in_order_of_their_times_and_then_of_their_birth() {
        let executor = Executor::new(Timestamp::UNIX_EPOCH);
        let seen = Rc::new(RefCell::new(Vec::new()));
        for (name, seconds) in [("late", 2), ("first", 1), ("second", 1)] {
            let (seen, clock) = (Rc::clone(&seen), executor.clone());
            executor.spawn(async move {
                clock.sleep(SignedDuration::from_secs(seconds)).await;
                seen.borrow_mut().push((name, clock.now().as_second()));
            });
        }
        executor.run_ready();
        while let Some(at) = executor.next_timer() {
            executor.advance(at);
            executor.run_ready();
        }
        assert_eq!(*seen.borrow(), [("first", 1), ("second", 1), ("late", 2)]);
    }

    #[test]
    fn a_wait_that_is_given_up_leaves_no_timer() {
        let executor = Executor::new(Timestamp::UNIX_EPOCH);
        let clock = executor.clone();
        executor.spawn(async move {
            let mut sleep = Box::pin(clock.sleep(SignedDuration::from_secs(9)));
            let pending = futures::poll!(sleep.as_mut());
            assert!(pending.is_pending());
        });
        executor.run_ready();
        assert_eq!(executor.next_timer(), None);
    }
}

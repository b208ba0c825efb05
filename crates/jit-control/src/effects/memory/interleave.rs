//! Runs several invocations effect by effect in a chosen order, and tries all orders of a small case.
//! Real threads are not here: an effect is the smallest step that another invocation can see.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::{Driven, MemoryEffects};

/// A sleeper is woken before the others have come to rest only if its sleep ends within this time. A longer one ends when
/// nobody else can go on: otherwise every order would hold an invocation stopped for seconds between two of its effects.
const SHORT_SLEEP: Duration = Duration::from_secs(1);

/// One invocation to be run beside others.
pub struct Task<'a, T> {
    effects: MemoryEffects,
    future: Pin<Box<dyn Future<Output = T> + 'a>>,
}

impl<'a, T> Task<'a, T> {
    /// Takes an invocation and the future that uses it, and no other.
    pub fn new(effects: &MemoryEffects, future: impl Future<Output = T> + 'a) -> Self {
        Self { effects: effects.clone(), future: Box::pin(future) }
    }
}

impl<T> std::fmt::Debug for Task<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("effects", &self.effects).finish_non_exhaustive()
    }
}

/// A sequence of choices: given ones first, then always the first option.
#[derive(Clone, Debug, Default)]
pub struct Schedule {
    choices: Vec<(usize, usize)>,
    made: usize,
}

impl Schedule {
    /// Chooses one of `options`.
    pub fn choose(&mut self, options: usize) -> usize {
        if self.made == self.choices.len() {
            self.choices.push((0, options));
        }
        let (chosen, _) = self.choices[self.made];
        self.made += 1;
        chosen
    }

    /// Chooses for [`interleave`], but stays with whoever went last once it has switched `most` times. Most faults of
    /// concurrency need two or three switches, and there are far fewer such orders.
    pub fn with_switches(&mut self, most: usize) -> impl FnMut(usize) -> usize {
        let mut switches = 0;
        move |options| {
            if switches == most {
                return 0;
            }
            let chosen = self.choose(options);
            switches += usize::from(chosen != 0);
            chosen
        }
    }

    /// The next schedule in order; none after the last.
    fn next(mut self) -> Option<Self> {
        self.choices.truncate(self.made);
        while let Some((chosen, options)) = self.choices.pop() {
            if chosen + 1 < options {
                self.choices.push((chosen + 1, options));
                return Some(Self { choices: self.choices, made: 0 });
            }
        }
        None
    }
}

/// Calls `run` with every schedule there is, and returns how many there were.
///
/// # Panics
/// If there are more than `most`.
pub fn every_schedule(most: usize, mut run: impl FnMut(&mut Schedule)) -> usize {
    let mut tried = 0;
    let mut next = Some(Schedule::default());
    while let Some(mut schedule) = next {
        assert!(tried < most, "more than {most} schedules");
        tried += 1;
        run(&mut schedule);
        next = schedule.next();
    }
    tried
}

/// Runs the tasks to their ends, asking `choose` whose effect is next each time that more than one can go on: it gets the
/// number of options and answers one below it; option 0 is who went last, if it can go on. The result has a place for each
/// task: none for one that crashed.
///
/// # Panics
/// If a task waits for something that is not an effect.
pub fn interleave<T>(tasks: Vec<Task<'_, T>>, mut choose: impl FnMut(usize) -> usize) -> Vec<Option<T>> {
    let Some(world) = tasks.first().map(|task| Rc::clone(&task.effects.world)) else { return Vec::new() };
    let _driven = Driven::start(&world);
    let mut results: Vec<Option<T>> = tasks.iter().map(|_| None).collect();
    let mut running: Vec<(usize, Task<'_, T>)> = tasks.into_iter().enumerate().collect();
    let mut last = 0;
    while !running.is_empty() {
        let mut options = options(&running);
        options.sort_by_key(|place| running[*place].0 != last);
        let place = options[if options.len() == 1 { 0 } else { choose(options.len()) }];
        let (index, task) = &mut running[place];
        let invocation = task.effects.invocation.borrow().number;
        world.borrow_mut().wake_earliest(Some(invocation));
        world.borrow_mut().forget_progress();
        let poll = task.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let index = *index;
        last = index;
        match poll {
            Poll::Ready(done) => {
                results[index] = Some(done);
                running.remove(place);
            }
            Poll::Pending if task.effects.crashed() => {
                running.remove(place);
            }
            Poll::Pending => {
                let mut world = world.borrow_mut();
                assert!(
                    world.progress() || world.earliest(Some(invocation)).is_some(),
                    "task {index} waits for something that is not an effect"
                );
                world.forget_progress();
            }
        }
    }
    results
}

/// The places of those who can go on: the awake, and those whose sleep is short; if there are none, the one who wakes first.
fn options<T>(running: &[(usize, Task<'_, T>)]) -> Vec<usize> {
    let until = |task: &Task<'_, T>| {
        let number = task.effects.invocation.borrow().number;
        task.effects.world.borrow().earliest(Some(number))
    };
    let soon = |task: &Task<'_, T>| {
        let now = task.effects.world.borrow().now;
        until(task).is_none_or(|until| until.since(now) <= SHORT_SLEEP)
    };
    let able: Vec<usize> = (0..running.len()).filter(|place| soon(&running[*place].1)).collect();
    if able.is_empty() {
        return (0..running.len()).min_by_key(|place| until(&running[*place].1)).into_iter().collect();
    }
    able
}

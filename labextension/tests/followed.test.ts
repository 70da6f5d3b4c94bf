import { expect, test, vi } from 'vitest';

import { Reading, Timers, Users } from '../src/ui/state/followed.js';

test('it begins with the first user, ends with the last, and begins anew with the next', () => {
  const told: string[] = [];
  const users = new Users(() => {
    told.push('begin');
    return [() => told.push('one'), () => told.push('two')];
  });
  const [first, second] = [users.use(), users.use()];
  expect(told).toEqual(['begin']);
  first();
  first(); // a second time is none
  expect(users.any).toBe(true);
  second();
  expect(users.any).toBe(false);
  expect(told).toEqual(['begin', 'one', 'two']);
  users.use();
  expect(told).toEqual(['begin', 'one', 'two', 'begin']);
});

test('there is one reading at a time, and one more for all who asked during it', async () => {
  const answers: (() => void)[] = [];
  const reading = new Reading(() => new Promise<void>(resolve => answers.push(resolve)));
  const first = reading.ask();
  const during = [reading.ask(), reading.ask()];
  expect(answers).toHaveLength(1);
  expect(reading.busy).toBe(true);
  answers[0]!();
  await Promise.all([first, ...during]);
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  answers[1]!();
  await vi.waitFor(() => expect(reading.busy).toBe(false));
  expect(answers).toHaveLength(2);
});

test('what is to be done later is taken back', () => {
  vi.useFakeTimers();
  try {
    const told: number[] = [];
    const timers = new Timers();
    timers.later(10, () => told.push(10));
    timers.later(20, () => told.push(20));
    vi.advanceTimersByTime(15);
    timers.clear();
    vi.advanceTimersByTime(100);
    expect(told).toEqual([10]);
  } finally {
    vi.useRealTimers();
  }
});

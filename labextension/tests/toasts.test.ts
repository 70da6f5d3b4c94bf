import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Toast } from '../src/ui/element.js';
import { announceJobs } from '../src/ui/state/toasts.js';
import { FakeChannel } from './fake-channel.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function announced(channel: FakeChannel): { toasts: Toast[]; stop: () => void } {
  const toasts: Toast[] = [];
  return { toasts, stop: announceJobs(channel, toast => toasts.push(toast)) };
}

test('a job that fails is told with its exit code, and a click opens it', () => {
  const channel = new FakeChannel().endpoint('hpc1', { psij: {} });
  const { toasts } = announced(channel);
  channel.event('hpc1', 'psij', 'job_status', { job_id: 'j1', native_id: '53788', state: 'ACTIVE' });
  channel.event('hpc1', 'psij', 'job_status', {
    job_id: 'j1',
    native_id: '53788',
    state: 'FAILED',
    exit_code: 127,
  });
  channel.event('hpc1', 'psij', 'job_status', {
    job_id: 'j1',
    native_id: '53788',
    state: 'FAILED',
    exit_code: 127,
  });
  vi.runAllTimers();
  expect(toasts).toEqual([
    {
      text: 'Job 53788 on hpc1 has failed with exit code 127',
      level: 'error',
      view: { view: 'job', endpoint: 'hpc1', plugin: 'psij', job: 'j1' },
    },
  ]);
});

test('a burst of ends is one message, and a failure among them another', () => {
  const channel = new FakeChannel().endpoint('hpc1', { psij: {} });
  const { toasts } = announced(channel);
  for (let job = 0; job < 12; job += 1) {
    channel.event('hpc1', 'psij', 'job_status', { job_id: `j${job}`, state: 'COMPLETED', exit_code: 0 });
  }
  channel.event('hpc1', 'psij', 'job_status', { job_id: 'bad', state: 'FAILED', exit_code: 1 });
  channel.event('hpc1', 'psij', 'job_status', { job_id: 'off', state: 'CANCELED' });
  vi.runAllTimers();
  expect(toasts.map(toast => [toast.level, toast.text])).toEqual([
    ['success', '12 jobs have completed on hpc1'],
    ['info', 'Job off on hpc1 was cancelled'],
    ['error', 'Job bad on hpc1 has failed with exit code 1'],
  ]);
  expect(toasts[0]!.view).toEqual({ view: 'jobs', endpoint: 'hpc1', plugin: 'psij' });
});

test('an endpoint that is away for longer is told as lost, and as back', () => {
  const channel = new FakeChannel().endpoint('hpc1').endpoint('hpc2');
  const { toasts } = announced(channel);
  const both = channel.topology.value;
  channel.topology.set(new Map([['hpc2', both.get('hpc2')!]]));
  vi.advanceTimersByTime(5000);
  expect(toasts.map(toast => toast.text)).toEqual(['hpc1 is lost']);
  channel.topology.set(both);
  vi.advanceTimersByTime(5000);
  expect(toasts.map(toast => toast.text)).toEqual(['hpc1 is lost', 'hpc1 is back']);
});

test('an endpoint that had only just come is told as lost, too', () => {
  const channel = new FakeChannel();
  const { toasts } = announced(channel);
  channel.endpoint('hpc1');
  vi.advanceTimersByTime(500);
  channel.topology.set(new Map());
  vi.advanceTimersByTime(5000);
  expect(toasts.map(toast => toast.text)).toEqual(['hpc1 is lost']);
});

test('an endpoint that comes back at once isn’t told of, and nothing while the bridge is away', () => {
  const channel = new FakeChannel().endpoint('hpc1');
  const { toasts } = announced(channel);
  const before = channel.topology.value;
  channel.topology.set(new Map());
  vi.advanceTimersByTime(500);
  channel.topology.set(before);
  vi.advanceTimersByTime(5000);
  channel.connection.set({ kind: 'lost', reason: 'away', since: 1 });
  channel.topology.set(new Map());
  vi.advanceTimersByTime(5000);
  channel.topology.set(before);
  channel.connection.set({ kind: 'connected', reason: '', since: 2 });
  vi.advanceTimersByTime(5000);
  expect(toasts).toEqual([]);
});

test('who stops listens to nothing any more', () => {
  const channel = new FakeChannel().endpoint('hpc1', { psij: {} });
  const { toasts, stop } = announced(channel);
  channel.event('hpc1', 'psij', 'job_status', { job_id: 'j1', state: 'COMPLETED' });
  stop();
  vi.runAllTimers();
  expect(toasts).toEqual([]);
  expect(channel.listeners.count).toBe(0);
});

import { encode, decode } from '@msgpack/msgpack';
import { afterEach, expect, test, vi } from 'vitest';

import { choose } from '../src/ui/channel/choice.js';
import { CommChannel } from '../src/ui/channel/comm.js';
import type { OrbitError } from '../src/ui/channel/errors.js';
import { FakeModel } from './model.js';

const utf8 = new TextEncoder();
const channels: CommChannel[] = [];

afterEach(() => channels.splice(0).forEach(one => one.close()));

/** A kernel whose bridge greets, and answers calls as `calls` says. */
class FakeKernel extends FakeModel {
  readonly frames: unknown[][] = [];
  page = '';
  calls: (id: number, path: string) => unknown[] | null = id => ['reply', id, 200, {}, utf8.encode('"here"')];

  constructor(private bridge = 'b1') {
    super();
    this.answer = (content, buffers) => this.take(content, buffers);
  }

  frame(...frames: unknown[][]): void {
    this.receive(
      { orbit: 'frames', page: this.page },
      frames.map(one => encode(one)),
    );
  }

  said(): unknown[] {
    return this.sent.map(one => one.content['orbit']);
  }

  private take(content: Record<string, unknown>, buffers: ArrayBuffer[]): void {
    this.page = content['page'] as string;
    if (content['orbit'] === 'dial') {
      this.receive({ orbit: 'open', page: this.page });
    }
    for (const buffer of buffers) {
      const frame = decode(buffer) as unknown[];
      this.frames.push(frame);
      if (frame[0] === 'hello') {
        this.frame(['welcome', 1, this.bridge, 'boot', 'http://far/orbit', 0, [], 'ann', 's', false, 0, 30]);
        this.frame(['topology', { hpc1: { endpoint: {}, plugins: {} } }, [], true]);
      } else if (frame[0] === 'call') {
        const answer = this.calls(frame[1] as number, frame[4] as string);
        if (answer) {
          this.frame(answer);
        }
      }
    }
  }
}

function opened(kernel: FakeKernel): CommChannel {
  const channel = new CommChannel();
  channels.push(channel);
  channel.use(kernel);
  return channel;
}

const ready = (channel: CommChannel) => vi.waitFor(() => expect(channel.connection.value.kind).toBe('connected'));

test('it says who the bridge is, which endpoints there are, and that it goes through the kernel', async () => {
  const channel = opened(new FakeKernel());
  await ready(channel);
  expect(channel.kind).toBe('comm');
  expect(channel.http).toBeNull();
  expect(channel.bridge.value).toEqual({ id: 'b1', url: 'http://far/orbit', user: 'ann' });
  expect([...channel.topology.value.keys()]).toEqual(['hpc1']);
});

test('a call is answered', async () => {
  const channel = opened(new FakeKernel());
  expect(await channel.call({ endpoint: 'hpc1', method: 'GET', path: '/psij/version' })).toBe('here');
});

test('an error keeps all that it says', async () => {
  const kernel = new FakeKernel();
  kernel.calls = id => ['fail', id, 'invalid-field', 'too long', true, 422, { field: 'duration' }];
  const call = opened(kernel).call({ endpoint: 'hpc1', method: 'POST', path: '/psij/submit' });
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown as OrbitError,
  );
  expect(error).toMatchObject({ code: 'invalid-field', message: 'too long', status: 422, transient: true });
  expect(error?.field).toBe('duration');
});

test('events come with all that is known of them', async () => {
  const kernel = new FakeKernel();
  const channel = opened(kernel);
  await ready(channel);
  const got: unknown[] = [];
  channel.subscribe({ topic: 'job_status' }, event => got.push(event));
  kernel.frame([
    'events',
    'e',
    1,
    [
      ['psij', 'job_status', utf8.encode('{"state":"ACTIVE"}'), 's1', '', 5],
      ['psij', 'other', utf8.encode('{}')],
    ],
    'hpc1',
  ]);
  expect(got).toEqual([
    {
      endpoint: 'hpc1',
      plugin: 'psij',
      topic: 'job_status',
      session: 's1',
      time: 5000,
      truncated: false,
      data: { state: 'ACTIVE' },
    },
  ]);
});

test('a call that its caller gives up is cancelled at the far side', async () => {
  const kernel = new FakeKernel();
  kernel.calls = () => null;
  const channel = opened(kernel);
  await ready(channel);
  const giveUp = new AbortController();
  const call = channel.call({ endpoint: 'hpc1', method: 'GET', path: '/a/b', signal: giveUp.signal });
  giveUp.abort();
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  await vi.waitFor(() => expect(kernel.frames.at(-1)?.[0]).toBe('cancel'));
});

test('what is meant for another page is left alone', async () => {
  const kernel = new FakeKernel();
  const channel = opened(kernel);
  await ready(channel);
  const got: unknown[] = [];
  channel.subscribe({}, event => got.push(event));
  kernel.receive({ orbit: 'frames', page: 'another' }, [
    encode(['events', 'e', 1, [['psij', 'job_status', utf8.encode('{}')]], 'hpc1']),
  ]);
  kernel.receive({ orbit: 'closed', page: 'another', reason: 'x' });
  expect(got).toEqual([]);
  expect(channel.connection.value.kind).toBe('connected');
});

test('frames of one turn go in one message', async () => {
  const kernel = new FakeKernel();
  const channel = opened(kernel);
  await ready(channel);
  const before = kernel.sent.length;
  await Promise.all([1, 2, 3].map(() => channel.call({ endpoint: 'hpc1', method: 'GET', path: '/a/b' })));
  expect(kernel.sent.length - before).toBe(1);
  expect(kernel.sent.at(-1)?.buffers.length).toBe(3);
});

test('a bridge that goes away is dialled again, and what waits is answered then', async () => {
  vi.useFakeTimers();
  const kernel = new FakeKernel();
  const channel = opened(kernel);
  await vi.waitFor(() => expect(channel.connection.value.kind).toBe('connected'));
  kernel.receive({ orbit: 'closed', page: kernel.page, reason: 'the bridge was stopped' });
  expect(channel.connection.value).toMatchObject({ kind: 'lost', reason: 'the bridge was stopped' });
  const call = channel.call({ endpoint: 'hpc1', method: 'GET', path: '/a/b' });
  await vi.advanceTimersByTimeAsync(1000);
  expect(await call).toBe('here');
  vi.useRealTimers();
});

test('a silent kernel is said to be busy', async () => {
  vi.useFakeTimers();
  const kernel = new FakeKernel();
  const channel = opened(kernel);
  await vi.waitFor(() => expect(channel.connection.value.kind).toBe('connected'));
  kernel.answer = () => undefined;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(channel.connection.value.kind).toBe('lost');
  expect(channel.connection.value.reason).toContain('it may be busy');
  vi.useRealTimers();
});

test('when the widget that carries it goes, another one carries on', async () => {
  const [first, second] = [new FakeKernel(), new FakeKernel()];
  const channel = new CommChannel();
  channels.push(channel);
  const release = channel.use(first);
  channel.use(second);
  await ready(channel);
  expect(second.sent).toEqual([]);
  release();
  expect(first.said()).toContain('hang-up');
  expect(first.listeners).toBe(0);
  await ready(channel);
  expect(await channel.call({ endpoint: 'hpc1', method: 'GET', path: '/a/b' })).toBe('here');
});

test('views of one bridge share a channel, which ends with the last of them', async () => {
  const [one, other] = [new FakeKernel(), new FakeKernel()];
  const first = await choose('b1', one, null);
  const second = await choose('b1', other, null);
  expect(second.channel).toBe(first.channel);
  await ready(first.channel as CommChannel);
  first.release();
  second.release();
  expect(one.listeners + other.listeners).toBe(0);
  expect(other.said()).toContain('hang-up');
  const third = await choose('b1', one, null);
  expect(third.channel).not.toBe(first.channel);
  third.release();
});

test('a comm that is gone, as after a restart of the kernel, doesn’t keep the next cell’s from carrying', async () => {
  const [old, next] = [new FakeKernel(), new FakeKernel()];
  const first = await choose('b1', old, null);
  await ready(first.channel as CommChannel);
  old.answer = () => {
    throw new Error('Cannot send'); // what JupyterLab's comm does
  };
  const second = await choose('b1', next, null);
  expect(() => first.release()).not.toThrow();
  expect(old.listeners).toBe(0);
  await ready(second.channel as CommChannel);
  expect(await second.channel.call({ endpoint: 'hpc1', method: 'GET', path: '/a/b' })).toBe('here');
  second.release();
});

test('where the page’s server has no bridge nothing dials it, and the kernel carries', async () => {
  const sockets = vi.fn();
  const asked = vi.fn(() => Promise.resolve(new Response('', { status: 404 })));
  vi.stubGlobal('WebSocket', sockets);
  vi.stubGlobal('fetch', asked);
  try {
    const chosen = await choose('b1', new FakeKernel(), '/orbit/');
    expect(chosen.channel.kind).toBe('comm');
    expect(asked).toHaveBeenCalledWith('/orbit/');
    expect(sockets).not.toHaveBeenCalled();
    chosen.release();
  } finally {
    vi.unstubAllGlobals();
  }
});

import { decode, encode } from '@msgpack/msgpack';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { CallRequest, Gap, OrbitEvent } from '../src/ui/channel/channel.js';
import { DirectChannel, type Socket } from '../src/ui/channel/direct.js';
import { OrbitError } from '../src/ui/channel/errors.js';

/** The bridge's end of a socket. */
class FakeSocket implements Socket {
  binaryType: BinaryType = 'blob';
  onopen: Socket['onopen'] = null;
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  sent: unknown[][] = [];
  redialled = 0;
  closed = false;

  send(data: Uint8Array<ArrayBuffer>): void {
    this.sent.push(decode(data) as unknown[]);
  }

  close(): void {
    this.closed = true;
  }

  reconnect(): void {
    this.redialled += 1;
  }

  /** Send the page a frame. */
  say(...frame: unknown[]): void {
    const bytes = encode(frame);
    const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
    this.onmessage?.({ data } as MessageEvent);
  }

  connect(): void {
    this.onopen?.(new Event('open'));
    this.say('welcome', 1, 'bridge-1', 'boot', 'http://host/orbit', 0, [], 'ann', 's', false, 0, 30);
  }

  drop(): void {
    this.onclose?.(new Event('close') as CloseEvent);
  }

  of(tag: string): unknown[][] {
    return this.sent.filter(frame => frame[0] === tag);
  }
}

let socket: FakeSocket;
let channel: DirectChannel;

beforeEach(() => {
  vi.useFakeTimers();
  socket = new FakeSocket();
  channel = new DirectChannel('/orbit/', url => {
    expect(url).toBe('ws://localhost:8888/orbit/client');
    return socket;
  });
});

afterEach(() => {
  channel.close();
  vi.useRealTimers();
});

const GET: CallRequest = {
  endpoint: 'hpc1',
  method: 'GET',
  path: '/psij/executors',
  query: { a: 1, b: undefined },
};
const body = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

test('it says hello first, and subscribes to everything once it is welcome', () => {
  socket.connect();
  expect(socket.sent[0]!.slice(0, 3)).toEqual(['hello', 'client', '']);
  expect(socket.of('subscribe')).toEqual([['subscribe', 1, '', '', '', null]]);
  expect(channel.connection.value.kind).toBe('connected');
  expect(channel.bridge.value).toEqual({ id: 'bridge-1', url: 'http://host/orbit', user: 'ann' });
});

test('a call made before there is a connection waits for it', async () => {
  const answer = channel.call(GET);
  expect(socket.of('call')).toEqual([]);
  socket.connect();
  const [, id, endpoint, method, path, query] = socket.of('call')[0]!;
  expect([endpoint, method, path, query]).toEqual(['hpc1', 'GET', '/psij/executors', 'a=1']);
  socket.say('reply', id, 200, {}, body({ x: 1 }), false);
  expect(await answer).toEqual({ x: 1 });
});

test('an error of a handler, and one of the bridge, are the same to a view', async () => {
  socket.connect();
  const wrong = channel.call({ ...GET, method: 'POST' });
  const gone = channel.call(GET);
  const [first, second] = socket.of('call').map(frame => frame[1]);
  socket.say(
    'reply',
    first,
    422,
    {},
    body({ error: true, code: 'invalid-field', detail: 'no', field: 'x' }),
    false,
  );
  socket.say('fail', second, 'endpoint-gone', 'hpc1 is away', true, 503, { available: [] });
  const error = await wrong.catch((thrown: unknown) => thrown as OrbitError);
  expect(error).toMatchObject({ code: 'invalid-field', status: 422, field: 'x', message: 'no', transient: false });
  await expect(gone).rejects.toMatchObject({ code: 'endpoint-gone', transient: true, status: 503 });
});

test('an answer in pieces is put together, and the bridge is given credit for what was read', async () => {
  socket.connect();
  const answer = channel.call<string>(GET);
  const id = socket.of('call')[0]![1];
  const text = body('x'.repeat(600_000));
  socket.say('reply', id, 200, {}, text.slice(0, 300_000), true);
  socket.say('data', id, text.slice(300_000, 570_000), false, true);
  expect(socket.of('credit')).toEqual([['credit', id, 270_000]]);
  socket.say('data', id, text.slice(570_000), true, true);
  expect((await answer).length).toBe(600_000);
});

test('after a lost connection reads and submits with a key go out again, other changes fail', async () => {
  socket.connect();
  const read = channel.call(GET);
  const once = channel.call({ ...GET, method: 'POST', key: 'k' });
  const change = channel.call({ ...GET, method: 'POST' });
  const unsure = channel.call({ ...GET, method: 'POST', key: 'u', resend: false });
  const left = expect(unsure).rejects.toMatchObject({ code: 'disconnected' });
  const failed = expect(change).rejects.toMatchObject({ code: 'disconnected', transient: true });
  socket.drop();
  await Promise.all([failed, left]);
  expect(channel.connection.value.kind).toBe('lost');
  socket.sent = [];
  socket.connect();
  expect(socket.of('call').map(frame => [frame[3], frame[12]])).toEqual([
    ['GET', ''],
    ['POST', 'k'],
  ]);
  for (const frame of socket.of('call')) {
    socket.say('reply', frame[1], 200, {}, body(1), false);
  }
  expect(await Promise.all([read, once])).toEqual([1, 1]);
});

test('a call that nobody waits for any more is cancelled at the endpoint', async () => {
  socket.connect();
  const gone = new AbortController();
  const call = channel.call({ ...GET, signal: gone.signal });
  gone.abort();
  await expect(call).rejects.toMatchObject({ code: 'cancelled' });
  expect(socket.of('cancel')).toEqual([['cancel', socket.of('call')[0]![1]]]);
});

test('a call without an answer ends with a deadline', async () => {
  socket.connect();
  const failed = expect(channel.call({ ...GET, seconds: 5 })).rejects.toMatchObject({
    code: 'deadline',
    status: 504,
  });
  await vi.advanceTimersByTimeAsync(5000);
  await failed;
});

test('topology is put together from the whole and its changes', () => {
  socket.connect();
  const info = { endpoint: { state: 'present' }, plugins: {} };
  socket.say('topology', { a: info, b: info }, [], true);
  socket.say('topology', { c: info }, ['a'], false);
  expect([...channel.topology.value.keys()]).toEqual(['b', 'c']);
  socket.say('topology', { d: info }, [], true);
  expect([...channel.topology.value.keys()]).toEqual(['d']);
});

test('events come to those who want them, and after a reconnect they go on where they were', () => {
  socket.connect();
  const seen: OrbitEvent[] = [];
  channel.subscribe({ plugin: 'psij', topic: 'job_status' }, event => seen.push(event));
  const event = (plugin: string, n: number) => [plugin, 'job_status', body({ n }), '', 'ann', 12.5, false];
  socket.say('events', 'epoch', 7, [event('psij', 1), event('other', 2), event('psij', 3)], 'hpc1', 0, 9);
  expect(seen.map(one => [one.endpoint, one.data['n'], one.time])).toEqual([
    ['hpc1', 1, 12_500],
    ['hpc1', 3, 12_500],
  ]);
  socket.drop();
  socket.sent = [];
  socket.connect();
  expect(socket.of('subscribe')).toEqual([['subscribe', 1, '', '', '', { '': ['epoch', 9] }]]);
});

test('a gap is told once to each who may have missed something', () => {
  socket.connect();
  const gaps: Gap[] = [];
  channel.subscribe(
    { endpoint: 'hpc1' },
    () => undefined,
    gap => gaps.push(gap),
  );
  channel.subscribe(
    { endpoint: 'hpc2' },
    () => undefined,
    gap => gaps.push(gap),
  );
  socket.say('events', 'epoch', 7, [['', 'gap', body({ missed: 3 }), '', '', 0, false]], 'hpc1', 0, 7);
  expect(gaps.map(gap => [gap.endpoint, gap.missed])).toEqual([['hpc1', 3]]);
  socket.say('events', 'epoch', 0, [], '', 40, 47);
  expect(gaps.map(gap => gap.missed)).toEqual([3, 40, 40]);
});

test('pings are answered, with the number of frames that have come', () => {
  socket.connect();
  socket.say('topology', {}, [], true);
  socket.say('ping', 3.5);
  expect(socket.of('pong')).toEqual([['pong', 3.5, 1]]);
});

test('a bridge that has fallen silent is asked, and then dialled anew', async () => {
  socket.connect();
  await vi.advanceTimersByTimeAsync(18_000);
  expect(socket.of('ping').length).toBeGreaterThan(0);
  expect(socket.redialled).toBe(0);
  await vi.advanceTimersByTimeAsync(8_000);
  expect(socket.redialled).toBe(1);
  expect(channel.connection.value.kind).toBe('lost');
});

test('a bridge that refuses is not dialled again, and the reason is shown', async () => {
  socket.connect();
  const call = expect(channel.call(GET)).rejects.toMatchObject({ message: 'no such protocol' });
  socket.say('bye', 'no such protocol', false, 'protocol-error');
  await call;
  expect(socket.closed).toBe(true);
  expect(channel.connection.value).toMatchObject({ kind: 'refused', reason: 'no such protocol' });
  await expect(channel.call(GET)).rejects.toThrow('no such protocol');
  window.dispatchEvent(new Event('online'));
  expect(socket.redialled).toBe(0);
});

test('a page that goes away says goodbye', () => {
  socket.connect();
  channel.close();
  expect(socket.of('bye')).toEqual([['bye', 'the page was closed', false]]);
});

test('an endpoint that names a thing __proto__ doesn’t keep the others from being seen', () => {
  socket.connect();
  const info = (ui: unknown) => ({ endpoint: { state: 'present' }, plugins: { p: { type: 'p', ui_config: ui } } });
  const bytes = [...encode(['topology', { good: info({}), bad: info({ title: 'x', '-_proto__': { a: 1 } }) }])];
  const frame = new Uint8Array(bytes.map((byte, at) => (byte === 45 && bytes[at + 1] === 95 ? 95 : byte)));
  socket.onmessage?.({ data: frame.buffer } as MessageEvent);
  expect([...channel.topology.value.keys()]).toEqual(['good', 'bad']);
  const shown = channel.topology.value.get('bad')!.plugins['p']!.ui_config as Record<string, unknown>;
  expect(Object.getPrototypeOf(shown)).toBe(Object.prototype);
  expect(shown['a']).toBeUndefined();
});

test('an event that can’t be read, and a listener that fails, cost nobody the others', () => {
  const wrong = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  socket.connect();
  const told: OrbitEvent[] = [];
  channel.subscribe({ plugin: 'p' }, () => {
    throw new Error('a view that fails');
  });
  channel.subscribe({}, event => told.push(event));
  const event = (data: Uint8Array) => ['p', 't', data, '', '', 1, false];
  const all = [event(body({ a: 1 })), event(new TextEncoder().encode('{"a":')), event(body({ a: 3 }))];
  socket.say('events', 'e1', 1, all, 'hpc1', 0, 3);
  expect(told.map(one => one.data['a'])).toEqual([1, undefined, 3]);
  expect(wrong).toHaveBeenCalled();
});

test('a socket that opens, and over which nobody welcomes it, is given up', () => {
  socket.onopen?.(new Event('open'));
  vi.advanceTimersByTime(40_000);
  expect(socket.redialled).toBeGreaterThan(0);
  socket.connect();
  expect(channel.connection.value.kind).toBe('connected');
});

test('a plugin’s own topic may be called gap', () => {
  socket.connect();
  const told: string[] = [];
  channel.subscribe(
    {},
    event => told.push(`${event.plugin} ${event.topic}`),
    () => told.push('a gap'),
  );
  socket.say('events', 'e1', 1, [['p', 'gap', body({}), '', '', 1, false]], 'hpc1', 0, 1);
  expect(told).toEqual(['p gap']);
});

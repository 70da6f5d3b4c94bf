import { html } from 'lit';
import { expect, test, vi } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import { chartsOf } from '../src/ui/parts/monitor/chart.js';
import { Lines, linesIn } from '../src/ui/parts/monitor/log.js';
import { MOST, recordsIn, TaskRows } from '../src/ui/parts/monitor/records.js';
import '../src/ui/parts/monitor/monitor.js';
import type { UIMonitor } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

const TOLD = { topic: 'task_status', id_field: 'uid', state_field: 'state' };

function channel(answer: unknown): FakeChannel {
  return new FakeChannel().endpoint('hpc1', { sample: {} }).on('GET', /sample\/load/, () => answer);
}

function shown(channel: FakeChannel, monitor: Partial<UIMonitor>, type = 'sample'): Promise<HTMLElement> {
  return mount<HTMLElement>(
    html`<orbit-monitor
      .channel=${channel}
      .endpoint=${'hpc1'}
      .plugin=${'sample'}
      .type=${type}
      .monitor=${{ id: 'm', auto_load: 'load', ...monitor }}
      .notifications=${TOLD}
    ></orbit-monitor>`,
  );
}

const lines = (element: HTMLElement) => all(element, '.rows [role="row"]').map(row => textOf(row).trim());

test('a task list has a row for each item, the newest first; one without a state is pending', async () => {
  const tasks = [{ uid: 'a', state: 'DONE', label: 'one' }, { uid: 'b' }, { other: 1 }];
  const element = await shown(channel({ tasks }), { type: 'task_list' });
  expect(lines(element)).toEqual([expect.stringMatching(/PENDING +b/), expect.stringMatching(/DONE +a +one/)]);
});

test('events change rows and add new ones', async () => {
  const asked = channel([{ uid: 'a', state: 'RUNNING', label: 'one' }]);
  const element = await shown(asked, { type: 'task_list' });
  asked.event('hpc1', 'sample', 'task_status', { uid: 'a', state: 'DONE' });
  asked.event('hpc1', 'sample', 'task_status', { uid: 'b', state: 'RUNNING' });
  asked.event('hpc1', 'sample', 'other', { uid: 'c' });
  asked.event('hpc1', 'sample', 'task_status_batch', { tasks: [{ uid: 'd', state: 'FAILED' }] });
  await settled();
  expect(lines(element)).toEqual([
    expect.stringMatching(/FAILED +d/),
    expect.stringMatching(/RUNNING +b/),
    expect.stringMatching(/DONE +a +one/),
  ]);
});

test('an event that comes while the rows are read is not undone by them', async () => {
  let answer: (value: unknown) => void = () => undefined;
  const asked = channel(new Promise(resolve => (answer = resolve)));
  const element = await shown(asked, { type: 'task_list' });
  asked.event('hpc1', 'sample', 'task_status', { uid: 'a', state: 'DONE' });
  answer([{ uid: 'a', state: 'RUNNING' }]);
  await settled();
  expect(lines(element)).toEqual([expect.stringMatching(/DONE +a/)]);
});

test('100,000 rows and a burst of 20,000 events keep the DOM small and are drawn a few times', async () => {
  const tasks = Array.from({ length: 100_000 }, (_, at) => ({ uid: `t${at}`, state: 'RUNNING' }));
  const asked = channel({ tasks });
  const element = await shown(asked, { type: 'task_list' });
  expect(lines(element).length).toBeLessThan(60);
  const list = all(element, 'orbit-task-list')[0]!;
  const drawn = vi.spyOn(list as unknown as { render(): unknown }, 'render');
  for (let at = 0; at < 20_000; at += 1) {
    asked.event('hpc1', 'sample', 'task_status', { uid: `t${99_999 - at}`, state: 'DONE' });
  }
  await settled();
  expect(drawn.mock.calls.length).toBeLessThan(5);
  expect(lines(element)[0]).toMatch(/DONE +t99999/);
});

test('a row opens, and shows all that it has; only psij and rhapsody cancel', async () => {
  const asked = channel([{ uid: 'a/b', state: 'RUNNING', deep: { x: 1 } }]).on('POST', /cancel/, () => ({}));
  const element = await shown(asked, { type: 'task_list' }, 'rhapsody');
  all(element, '.rows [role="row"]')[0]!.click();
  await settled();
  expect(textOf(all(element, '.detail')[0]!)).toContain('"x": 1');
  all(element, '.detail button')[0]!.click();
  await settled();
  expect(asked.calls.at(-1)!.path).toBe('/sample/cancel/s1/a%2Fb');
  const other = await shown(channel([{ uid: 'a', state: 'RUNNING' }]), { type: 'task_list' });
  all(other, '.rows [role="row"]')[0]!.click();
  await settled();
  expect(all(other, '.detail button').map(button => button.textContent)).toEqual(['Close']);
});

test('rows without the field that events name are shown, and events about others add none', () => {
  const tasks = new TaskRows('queue');
  tasks.take({ age: 1, jobs: [{ job_id: '1' }, { job_id: '2' }], stale: null });
  expect([...tasks.rows.keys()]).toEqual(['1', '2']);
  expect(tasks.happened({ queue: 'debug', state: 'up' })).toBe(false);
  expect(tasks.rows.size).toBe(2);
});

test('of more rows than are kept the oldest go', () => {
  const tasks = new TaskRows('uid');
  tasks.take(Array.from({ length: MOST }, (_, at) => ({ uid: at })));
  tasks.happened({ uid: 'new' });
  expect(tasks.rows.size).toBe(MOST);
  expect(tasks.rows.has('0')).toBe(false);
  expect(tasks.rows.has('new')).toBe(true);
});

test.each([
  [[{ a: 1 }], [{ a: 1 }]],
  [{ jobs: [{ a: 1 }], age: 2 }, [{ a: 1 }]],
  [
    { n1: { a: 1 }, n2: { a: 2 } },
    [
      { name: 'n1', a: 1 },
      { name: 'n2', a: 2 },
    ],
  ],
  [{ age: 2, queues: { q: { a: 1 } } }, [{ name: 'q', a: 1 }]],
  [{ queues: {}, age: 2 }, []],
  [{ jobs: [] }, []],
  [
    [1, 'x'],
    [{ value: 1 }, { value: 'x' }],
  ],
  [{ a: 1 }, null],
  ['text', null],
])('rows are found in %j', (answer, rows) => {
  expect(recordsIn(answer)).toEqual(rows);
});

test('metrics are labelled values, percents with a bar', async () => {
  const answer = {
    host: 'n1',
    cpu: { percent: 40, load_avg: [1, 2.5] },
    disks: [{ name: '/', used_bytes: 2048 }],
  };
  const element = await shown(channel(answer), { type: 'metrics' });
  expect(textOf(element)).toMatch(/Host n1 .*Cpu .*Percent 40 % .*Load avg 1, 2.5 .*Used bytes 2.0 KiB/);
  expect(all(element, '.bar').map(bar => bar.getAttribute('aria-label'))).toEqual(['Percent: 40 %']);
});

test('a table has the columns of its rows, and sorts numbers as numbers', async () => {
  const answer = { n1: { load: 10, up: true }, n2: { load: 9, up: false } };
  const element = await shown(channel(answer), { type: 'table' });
  expect(lines(element)).toEqual([expect.stringMatching(/n1 +10 +yes/), expect.stringMatching(/n2 +9 +no/)]);
  all(element, '[role="columnheader"] button')[1]!.click();
  await settled();
  expect(lines(element)[0]).toMatch(/n2 +9 +no/);
});

test('raw is JSON as text', async () => {
  const element = await shown(channel({ a: ['<img src=x>'] }), { type: 'raw' });
  expect(textOf(element)).toContain('{ "a": [ "<img src=x>" ] }');
  expect(all(element, 'img')).toEqual([]);
});

test('a chart has one picture for each unit', () => {
  const columns = { time: [10, 15], cpu: [1, null], mem: [2, 3], gone: [null, null] };
  const charts = chartsOf({ interval: 5, columns, units: { cpu: '%', mem: 'B' } }, 0);
  expect(charts.times).toEqual([10, 15]);
  expect(charts.groups.map(group => [group.unit, group.series.map(one => one.values)])).toEqual([
    ['%', [[1, null]]],
    ['B', [[2, 3]]],
  ]);
});

test.each([
  [[1, 2], [99, 100], [[1, 2]]],
  [
    { interval: 10, a: [1, 2], b: [3, 4] },
    [90, 100],
    [
      [1, 2],
      [3, 4],
    ],
  ],
  [
    [
      { t: 5, x: 1 },
      { t: 6, x: 2 },
    ],
    [5, 6],
    [[1, 2]],
  ],
  [{}, [], []],
])('a chart is made of %j', (answer, times, values) => {
  const charts = chartsOf(Array.isArray(answer) ? answer : { interval: 1, ...answer }, 100);
  expect(charts.groups.flatMap(group => group.series.map(one => one.values))).toEqual(values);
  if (!Array.isArray(answer) || typeof answer[0] === 'object') {
    expect(charts.times).toEqual(times);
  }
});

test('a log has a line for each event, with what was missed', async () => {
  const asked = channel(null);
  const element = await shown(asked, { type: 'log', auto_load: '', empty_text: 'Silence.' });
  expect(textOf(element)).toContain('Silence.');
  asked.event('hpc1', 'sample', 'greeted', { name: 'Ada' });
  asked.event('hpc1', 'other', 'greeted', { name: 'Bob' });
  asked.listeners.tellGap({ endpoint: 'hpc1', missed: 3, time: 1 });
  await settled();
  expect(textOf(element)).toMatch(/greeted +\{"name":"Ada"\}.*gap +3 events missed\./);
  expect(textOf(element)).not.toContain('Bob');
});

test('a log keeps the newest, and shows a part', () => {
  const kept = new Lines();
  for (let at = 0; at < 20_000; at += 1) {
    kept.add({ time: at, topic: '', data: at });
  }
  expect(kept.last(3).map(line => line.data)).toEqual([19_997, 19_998, 19_999]);
  expect(kept.last(1e9)).toHaveLength(5000);
  expect(kept.count).toBe(20_000);
});

test('lines are found in what a route answers', () => {
  expect(linesIn('a\nb').map(line => line.data)).toEqual(['a', 'b']);
  expect(linesIn({ lines: ['a'] }).map(line => line.data)).toEqual(['a']);
  expect(linesIn([{ time: 2, x: 1 }])[0]!.time).toBe(2000);
});

test('loading, empty, failed and forbidden have a look of their own', async () => {
  expect(textOf(await shown(channel(new Promise(() => undefined)), {}))).toContain('Loading');
  expect(textOf(await shown(channel({}), { empty_text: 'Nothing so far.' }))).toContain('Nothing so far.');
  const failing = channel(null).on('GET', /load/, () => {
    throw new OrbitError('it broke', 'plugin-error', 500);
  });
  const failed = await shown(failing, {});
  expect(textOf(failed)).toMatch(/That failed\. +it broke +Try again/);
  const forbidden = channel(null).on('GET', /load/, () => {
    throw new OrbitError('ask ann', 'forbidden', 403);
  });
  expect(textOf(await shown(forbidden, {}))).toMatch(/You may not see this\. +ask ann/);
});

test('after a lost connection it is read anew', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
  const asked = channel({ a: 1 });
  await shown(asked, {});
  const reads = () => asked.calls.filter(call => call.method === 'GET').length;
  const before = reads();
  asked.connection.set({ kind: 'lost', reason: '', since: 1 });
  asked.connection.set({ kind: 'connected', reason: '', since: 2 });
  await vi.advanceTimersByTimeAsync(2500);
  vi.useRealTimers();
  await settled();
  expect(reads()).toBe(before + 1);
});

test('a monitor that is taken away leaves no listener behind', async () => {
  const asked = channel([]);
  const element = await shown(asked, { type: 'task_list' });
  expect(asked.listeners.count).toBe(1);
  element.remove();
  expect(asked.listeners.count).toBe(0);
  expect(asked.connection.watched).toBe(0);
});

test('a list that is moved to another place of the page is read again, and still has its rows', async () => {
  const element = await shown(channel([{ uid: 'a', state: 'DONE', label: 'one' }]), { type: 'task_list' });
  const place = document.createElement('div');
  document.body.append(place);
  place.append(element);
  await settled();
  expect(lines(element)).toEqual([expect.stringMatching(/DONE +a +one/)]);
  place.remove();
});

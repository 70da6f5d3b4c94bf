import { html } from 'lit';
import { expect, test } from 'vitest';

import { KEPT, logOf, summary } from '../src/ui/state/log.js';
import '../src/ui/views/log.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

function withLog(): FakeChannel {
  const channel = new FakeChannel();
  logOf(channel).begin();
  return channel;
}

async function logView(channel: FakeChannel): Promise<HTMLElement> {
  return mount(html`<orbit-log .channel=${channel}></orbit-log>`);
}

test('what came before the view was open is there, and each event on one line', async () => {
  const channel = withLog();
  channel.event('hpc1', 'psij', 'job_status', { job_id: 'j1', state: 'FAILED', exit_code: 127 });
  const view = await logView(channel);
  expect(textOf(view)).toContain('FAILED · exit_code 127 · job_id j1');
});

test('only the latest two thousand are kept, and of them only what can be seen is in the DOM', async () => {
  const channel = withLog();
  const view = await logView(channel);
  for (let number = 0; number < 20_000; number += 1) {
    channel.event('hpc1', 'tasks', 'task_status', { uid: `task-${number}` });
  }
  await settled();
  const lines = logOf(channel).lines(false);
  expect(lines).toHaveLength(KEPT);
  expect(lines.at(-1)!.data).toEqual({ uid: 'task-19999' });
  expect(all(view, '.line').length).toBeLessThan(60);
});

test('topics that tell all the time are left out until they are wanted, and drive no others out', async () => {
  const channel = withLog();
  channel.event('hpc1', 'psij', 'job_status', { state: 'COMPLETED' });
  for (let number = 0; number < 5000; number += 1) {
    channel.event('hpc1', 'sysinfo', 'metrics', { cpu: number });
  }
  const view = await logView(channel);
  expect(textOf(view)).toContain('COMPLETED');
  expect(textOf(view)).not.toContain('cpu');
  all(view, 'input[type=checkbox]')[0]!.click();
  await settled();
  expect(textOf(view)).toContain('cpu 4500');
  expect(logOf(channel).lines(true)).toHaveLength(501);
});

test('a gap says how much was missed from where', async () => {
  const channel = withLog();
  const view = await logView(channel);
  channel.listeners.tellGap({ endpoint: 'hpc1', missed: 7, time: 5 });
  channel.listeners.tellGap({ endpoint: '', missed: null, time: 6 });
  await settled();
  expect(textOf(view)).toContain('7 events missed from hpc1; states were read again');
  expect(textOf(view)).toContain('some events missed; states were read again');
});

test('a filter by text, endpoint and topic leaves what fits', async () => {
  const channel = withLog();
  channel.event('hpc1', 'psij', 'job_status', { native_id: '53788' });
  channel.event('hpc2', 'psij', 'job_status', { native_id: '53790' });
  channel.event('hpc2', 'staging', 'transfer', { path: '/scratch/x' });
  const view = await logView(channel);
  const field = all(view, 'input[type=search]')[0] as HTMLInputElement;
  field.value = '5379';
  field.dispatchEvent(new InputEvent('input'));
  await settled();
  expect(all(view, '.line').map(textOf)).toEqual([expect.stringContaining('native_id 53790')]);
  field.value = '';
  field.dispatchEvent(new InputEvent('input'));
  const topic = all(view, 'select')[2] as HTMLSelectElement;
  topic.value = 'transfer';
  topic.dispatchEvent(new Event('change'));
  await settled();
  expect(all(view, '.line').map(textOf)).toEqual([expect.stringContaining('path /scratch/x')]);
});

test('a pause lets nothing move, and nothing is lost by it', async () => {
  const channel = withLog();
  const view = await logView(channel);
  channel.event('hpc1', 'a', 't', { number: 1 });
  await settled();
  const button = all(view, 'button').find(one => one.textContent.trim() === 'Pause')!;
  button.click();
  channel.event('hpc1', 'a', 't', { number: 2 });
  await settled();
  expect(textOf(view)).not.toContain('number 2');
  button.click();
  await settled();
  expect(textOf(view)).toContain('number 2');
});

test('a line opens to its JSON, and markup in it is text', async () => {
  const channel = withLog();
  const evil = '<img src=x onerror=alert(1)>';
  channel.event(evil, evil, evil, { message: evil, more: { deep: [evil] } });
  const view = await logView(channel);
  all(view, '.line button')[0]!.click();
  await settled();
  expect(all(view, 'pre')[0]!.textContent).toContain(`"message": "${evil}"`);
  expect(all(view, 'img')).toEqual([]);
});

test('an event of hundreds of kilobytes is cut before it is kept', () => {
  const channel = withLog();
  const rows = Array.from({ length: 20_000 }, (_, row) => ({ row, text: 'x'.repeat(50) }));
  channel.event('hpc1', 'a', 't', { first: 'kept', rows, long: 'y'.repeat(1_000_000) });
  const [line] = logOf(channel).lines(false);
  expect(JSON.stringify(line!.data).length).toBeLessThan(16_000);
  expect(summary(line!.data)).toContain('first kept');
});

test('the connection to the bridge is told of when it goes and when it is back', () => {
  const channel = withLog();
  channel.connection.set({ kind: 'lost', reason: 'the connection to the bridge was lost', since: 7 });
  channel.connection.set({ kind: 'connected', reason: '', since: 8 });
  expect(
    logOf(channel)
      .lines(false)
      .map(line => line.text),
  ).toEqual(['the connection to the bridge was lost', 'connected to the bridge']);
});

test('a view that is taken away leaves the log as the only listener', async () => {
  const channel = withLog();
  for (let time = 0; time < 10; time += 1) {
    (await logView(channel)).remove();
  }
  expect(logOf(channel).changed.watched).toBe(0);
  expect(channel.listeners.count).toBe(1);
});

test('an event of no time that there is doesn’t take the log away', async () => {
  const channel = withLog();
  const view = await logView(channel);
  const head = { endpoint: 'hpc1', plugin: 'p', topic: 't', session: '', truncated: false };
  channel.listeners.tell({ ...head, time: 1e300 }, () => ({ a: 'of never' }));
  channel.listeners.tell({ ...head, time: Infinity }, () => ({ a: 'of ever' }));
  channel.listeners.tell({ ...head, time: 5 }, () => ({ a: 'of then' }));
  await settled();
  expect(textOf(view)).toContain('of never');
  expect(textOf(view)).toContain('of then');
});

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { renderCell } from '../src/ui/cell.js';
import type { OrbitElement } from '../src/ui/element.js';
import type { View } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { FakeModel } from './model.js';
import { all, settled, textOf } from './mount.js';

const PAGE = globalThis as Record<symbol, unknown>;
const SHARED = Symbol.for('orbit-jupyter.channel');

let channel: FakeChannel;
let el: HTMLElement;
let ends: (() => void)[];

beforeEach(() => {
  channel = new FakeChannel().endpoint('hpc1', { psij: {}, sysinfo: {} });
  PAGE[SHARED] = channel;
  const config = document.createElement('script');
  config.id = 'jupyter-config-data';
  config.type = 'application/json';
  config.textContent = '{"baseUrl": "/"}';
  el = document.createElement('div');
  document.body.replaceChildren(config, el);
  ends = [];
});

afterEach(() => {
  ends.forEach(end => end());
  document.body.replaceChildren();
  Reflect.deleteProperty(PAGE, SHARED);
});

/** A widget's model, shown. */
async function shown(kind: View['view'], traits: Record<string, unknown> = {}): Promise<FakeModel> {
  const model = new FakeModel({ _kind: kind, bridge: 'b1', channel: 'auto', ...traits });
  ends.push(renderCell({ model, el }));
  await settled();
  return model;
}

/** The view inside, by the name of its element. */
const view = (name: string) => all(el, name)[0] as unknown as OrbitElement & Record<string, unknown>;

test('where the page reaches the widget’s bridge it asks that by itself, and tells Python', async () => {
  const model = await shown('endpoint', { endpoint: 'hpc1' });
  expect(textOf(el)).toContain('present');
  expect(textOf(el)).not.toContain('kernel');
  expect(model.get('reached')).toBe('direct');
  expect(model.sent).toEqual([]);
});

test('where it reaches another bridge the kernel is asked', async () => {
  const model = await shown('endpoint', { endpoint: 'hpc1', bridge: 'b2' });
  expect(model.get('reached')).toBe('comm');
  expect(model.sent[0]?.content['orbit']).toBe('dial');
});

test('the kernel is asked where Python wants it so', async () => {
  const model = await shown('endpoint', { endpoint: 'hpc1', channel: 'kernel' });
  expect(model.get('reached')).toBe('comm');
  model.assign('channel', 'auto');
  await settled();
  expect(model.get('reached')).toBe('direct');
  expect(model.sent.at(-1)?.content['orbit']).toBe('hang-up');
});

test('what the user does sets a trait, and what Python sets shows', async () => {
  const model = await shown('log', { filter: 'job 7' });
  expect(view('orbit-log')['text']).toBe('job 7');
  model.assign('filter', 'job 8');
  expect(view('orbit-log')['text']).toBe('job 8');
  view('orbit-log')['text'] = 'job 9';
  await settled();
  expect(model.get('filter')).toBe('job 9');
  expect(model.saved.at(-1)).toEqual({ filter: 'job 9' });
});

test('a pause is Python’s too', async () => {
  const model = await shown('log', { paused: false });
  model.assign('paused', true);
  await settled();
  expect(textOf(view('orbit-log') as unknown as Node)).toContain('Go on');
  model.assign('paused', false);
  await settled();
  expect(textOf(view('orbit-log') as unknown as Node)).toContain('Pause');
});

test('the view of an Explorer is a trait', async () => {
  const model = await shown('explorer', { shown: { view: 'log' } });
  expect(all(el, 'orbit-log').length).toBe(1);
  all(el, 'button')
    .find(button => button.textContent.includes('Map'))!
    .click();
  await settled();
  expect(model.get('shown')).toEqual({ view: 'map' });
  model.assign('shown', { view: 'endpoint', endpoint: 'hpc1' });
  await settled();
  expect(all(el, 'orbit-endpoint').length).toBe(1);
});

test('another endpoint is another view, whose plugin is looked up', async () => {
  const model = await shown('monitor', { endpoint: 'hpc1', plugin: '' });
  expect(view('orbit-system')['plugin']).toBe('sysinfo');
  channel.endpoint('hpc2', { sensors: { type: 'sysinfo' } });
  model.assign('endpoint', 'hpc2');
  await settled();
  expect(view('orbit-system')['endpoint']).toBe('hpc2');
  expect(view('orbit-system')['plugin']).toBe('sensors');
});

test('a view that no endpoint can fill says what it waits for', async () => {
  await shown('files', { endpoint: '' });
  expect(textOf(el)).toContain('No endpoint has the plugin staging yet');
});

test('a page that nobody prevents opens by itself, and a tab where somebody does', async () => {
  const open = vi.spyOn(window, 'open').mockReturnValue(null);
  channel.http = { base: '/orbit/', headers: () => ({}) };
  const model = await shown('map', { selected: '' });
  const clicked = () => {
    const detail: View = { view: 'endpoint', endpoint: 'hpc1' };
    view('orbit-map').dispatchEvent(new CustomEvent('orbit-open', { detail, bubbles: true, composed: true }));
  };
  clicked();
  expect(open).toHaveBeenCalledWith('/orbit/#/endpoint/hpc1', '_blank', 'noopener');
  expect(model.get('selected')).toBe('hpc1');
  const taken = (event: Event) => event.preventDefault();
  document.addEventListener('orbit-open', taken);
  clicked();
  document.removeEventListener('orbit-open', taken);
  expect(open).toHaveBeenCalledTimes(1);
});

test('a toast shows in the cell where no one else shows it', async () => {
  await shown('map');
  const detail = { text: '<img src=x>', level: 'info' };
  view('orbit-map').dispatchEvent(new CustomEvent('orbit-toast', { detail, bubbles: true, composed: true }));
  await settled();
  expect(textOf(el)).toContain('<img src=x>');
  expect(all(el, 'img')).toEqual([]);
});

test('a lost bridge is said, and what was seen stays', async () => {
  await shown('endpoint', { endpoint: 'hpc1' });
  channel.connection.set({ kind: 'lost', reason: 'the connection was lost', since: 0 });
  await settled();
  expect(textOf(el)).toContain('the connection was lost');
  expect(all(el, 'orbit-endpoint').length).toBe(1);
});

test('a hundred cells that come and go leave nothing behind', async () => {
  const model = new FakeModel({ _kind: 'log', bridge: 'b1', channel: 'auto', filter: '', paused: false });
  const { endpointsOf } = await import('../src/ui/state/endpoints.js');
  const count = () => [
    model.listeners,
    channel.connection.watched,
    channel.bridge.watched,
    endpointsOf(channel).all.watched,
  ];
  const first = renderCell({ model, el });
  await settled();
  first();
  await settled();
  const before = count();
  for (let number = 0; number < 100; number += 1) {
    const end = renderCell({ model, el });
    await Promise.resolve();
    if (number % 10 === 0) {
      await settled();
    }
    end();
  }
  await settled();
  expect(count()).toEqual(before);
  expect(model.listeners).toBe(0);
  expect(el.childElementCount).toBe(0);
});

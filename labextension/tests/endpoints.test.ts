import { html } from 'lit';
import { expect, test, vi } from 'vitest';

import '../src/ui/views/endpoints.js';
import { endpointsOf } from '../src/ui/state/endpoints.js';
import type { View } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

test('an endpoint shows its plugins, and a click opens one', async () => {
  const channel = new FakeChannel().endpoint('hpc1', { psij: { ui_config: { title: 'PsiJ Jobs' } } });
  const opened: View[] = [];
  const tree = await mount(
    html`<orbit-endpoints
      .channel=${channel}
      @orbit-open=${(event: CustomEvent<View>) => opened.push(event.detail)}
    ></orbit-endpoints>`,
  );
  all(tree, 'button')
    .find(button => button.textContent.includes('PsiJ Jobs'))!
    .click();
  expect(opened).toEqual([{ view: 'jobs', endpoint: 'hpc1', plugin: 'psij' }]);
});

test('an endpoint that goes away stays in sight as lost, until it is dismissed', async () => {
  const channel = new FakeChannel().endpoint('hpc1');
  const tree = await mount(html`<orbit-endpoints .channel=${channel}></orbit-endpoints>`);
  channel.topology.set(new Map());
  await settled();
  expect(textOf(tree)).toContain('lost');
  all(tree, 'button.link')[0]!.click();
  await settled();
  expect(textOf(tree)).toContain('No endpoint is connected yet');
});

test('of those that have gone the last hundred stay in sight', () => {
  const channel = new FakeChannel();
  const { all: known } = endpointsOf(channel);
  for (let number = 0; number < 120; number += 1) {
    channel.endpoint(`hpc${number}`);
    channel.topology.set(new Map());
  }
  expect(known.value.size).toBe(100);
  expect(known.value.has('hpc119')).toBe(true);
  expect(known.value.has('hpc19')).toBe(false);
  channel.endpoint('hpc20'); // it comes back
  expect(known.value.get('hpc20')?.state).toBe('present');
});

test('a name that is markup is shown as text', async () => {
  const name = '<img src=x onerror=alert(1)>';
  const channel = new FakeChannel().endpoint('hpc1', { bad: { ui_config: { title: name } } }, { hostname: name });
  const tree = await mount(html`<orbit-endpoints .channel=${channel}></orbit-endpoints>`);
  expect(textOf(tree)).toContain(name);
  expect(all(tree, 'img')).toEqual([]);
});

test('a tree that is taken away leaves no listener behind', async () => {
  const channel = new FakeChannel().endpoint('hpc1');
  await mount(html`<orbit-endpoints .channel=${channel}></orbit-endpoints>`);
  const { endpointsOf } = await import('../src/ui/state/endpoints.js');
  const watched = endpointsOf(channel).all.watched;
  const again = await mount<HTMLElement>(html`<orbit-endpoints .channel=${channel}></orbit-endpoints>`);
  expect(endpointsOf(channel).all.watched).toBeGreaterThan(watched);
  again.remove();
  expect(endpointsOf(channel).all.watched).toBe(watched);
});

test('many endpoints are folded, but for the one that is looked at', async () => {
  const channel = new FakeChannel();
  for (let one = 0; one < 100; one += 1) {
    channel.endpoint(`node${one}`, { psij: { ui_config: { title: `Jobs of ${one}` } } });
  }
  const current: View = { view: 'endpoint', endpoint: 'node7' };
  const tree = await mount(html`<orbit-endpoints .channel=${channel} .current=${current}></orbit-endpoints>`);
  expect(textOf(tree).match(/Jobs of/g)?.length).toBe(1);
  all(tree, 'button[aria-label="Plugins of node9"]')[0]!.click();
  await settled();
  expect(textOf(tree)).toContain('Jobs of 9');
  const field = all(tree, 'input')[0] as HTMLInputElement;
  field.value = 'node42';
  field.dispatchEvent(new Event('input'));
  await settled();
  expect(all(tree, '.name').map(name => name.textContent)).toEqual(['node42']);
});

test('jobs that have not ended are counted beside their plugin', async () => {
  const job = (id: string, state: string) => ({ job_id: id, state, time: 1, submit_time: 1, arguments: [] });
  const channel = new FakeChannel()
    .endpoint('hpc1', { psij: { ui_config: { title: 'Jobs' } } })
    .on('GET', /list_jobs/, () => ({ jobs: [job('1', 'ACTIVE'), job('2', 'QUEUED'), job('3', 'FAILED')] }));
  const tree = await mount(html`<orbit-endpoints .channel=${channel}></orbit-endpoints>`);
  await vi.waitFor(() => expect(textOf(tree)).toMatch(/Jobs\s+2/), 3000);
});

test('of an endpoint in an allocation it is said how long that goes on, and asked for once', async () => {
  const plugins = { queue_info: {} };
  let end: number | null = Date.now() / 1000 + 23 * 60 + 30;
  const channel = new FakeChannel()
    .endpoint('hpc1.1', plugins, { job_id: '4711' })
    .endpoint('hpc1', plugins)
    .on('GET', /job_allocation$/, () => ({ allocation: { job_id: '4711', end_time: end, n_nodes: 2 } }));
  const tree = await mount(html`<orbit-endpoints .channel=${channel}></orbit-endpoints>`);
  await vi.waitFor(() => expect(textOf(tree)).toMatch(/23:\d\d\s+left.*job 4711/));
  end = null;
  channel.topology.set(new Map(channel.topology.value));
  await settled();
  expect(channel.calls.filter(call => call.path.endsWith('job_allocation')).map(call => call.endpoint)).toEqual([
    'hpc1.1',
  ]);
});

import { html } from 'lit';
import { expect, test, vi } from 'vitest';

import '../src/ui/views/map.js';
import { runningJobs, SHOWN, WATCHED } from '../src/ui/state/running.js';
import type { View } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

function job(id: string, state: string, time = 1): object {
  return { job_id: id, native_id: id, state, executable: '/bin/relax', arguments: [], name: null, time };
}

function withJobs(channel: FakeChannel, jobs: unknown[]): FakeChannel {
  return channel.on('GET', /list_jobs/, () => ({ jobs }));
}

async function mapView(channel: FakeChannel): Promise<{ map: HTMLElement; opened: View[] }> {
  const opened: View[] = [];
  const map = await mount<HTMLElement>(
    html`<orbit-map
      .channel=${channel}
      @orbit-open=${(event: CustomEvent<View>) => opened.push(event.detail)}
    ></orbit-map>`,
  );
  return { map, opened };
}

/** Names as they stand on the map, and how deep each is. */
function places(map: HTMLElement): Record<string, number> {
  const depth = (node: Element): number => {
    let number = 0;
    for (let at = node.closest('ul'); at; at = at.parentElement?.closest('ul') ?? null) {
      number += 1;
    }
    return number;
  };
  return Object.fromEntries(all(map, '.name').map(node => [node.textContent.trim(), depth(node)]));
}

test('endpoints hang on the bridge, and those that were launched on their parents', async () => {
  const channel = new FakeChannel().endpoint('hpc1').endpoint('hpc1.1').endpoint('hpc1.1.2').endpoint('hpc2');
  const { map } = await mapView(channel);
  expect(places(map)).toEqual({ hpc2: 1, hpc1: 1, 'hpc1.1': 2, 'hpc1.1.2': 3 });
});

test('children stay under their parent while that is lost', async () => {
  const channel = new FakeChannel().endpoint('hpc1').endpoint('hpc1.1');
  const { map } = await mapView(channel);
  const without = new Map(channel.topology.value);
  without.delete('hpc1');
  channel.topology.set(without);
  await settled();
  expect(places(map)).toEqual({ hpc1: 1, 'hpc1.1': 2 });
});

test('a card says state, role, host and round trip, and a click opens the endpoint', async () => {
  const facts = { round_trip: 0.0384, role: 'login', scheduler: 'slurm', user: 'ann', hostname: 'nid1.example' };
  const channel = new FakeChannel().endpoint('hpc1', { psij: {} }, facts);
  const { map, opened } = await mapView(channel);
  expect(textOf(map)).toContain('38 ms');
  expect(textOf(map)).toContain('slurm · ann@nid1');
  expect(textOf(map)).toContain('login');
  all(map, '.name')[0]!.click();
  expect(opened).toEqual([{ view: 'endpoint', endpoint: 'hpc1' }]);
});

test('states are words and shapes, and the summary counts them', async () => {
  const channel = new FakeChannel().endpoint('a').endpoint('b', {}, { state: 'suspect' }).endpoint('c');
  const { map } = await mapView(channel);
  const without = new Map(channel.topology.value);
  without.delete('c');
  channel.topology.set(without);
  await settled();
  expect(textOf(map)).toContain('2 endpoints');
  expect(textOf(map)).toContain('◐ 1 suspect');
  expect(textOf(map)).toContain('○ 1 lost');
  expect(textOf(map)).toContain('it comes back by itself');
});

test('what runs now is counted by endpoint and listed, what has ended isn’t', async () => {
  const channel = withJobs(new FakeChannel().endpoint('hpc1', { psij: {} }), [
    job('1', 'COMPLETED'),
    job('2', 'ACTIVE'),
    job('3', 'QUEUED'),
    job('4', 'ACTIVE', 2),
  ]);
  const { map, opened } = await mapView(channel);
  await vi.waitFor(() => expect(textOf(map)).toContain('2 jobs running, 1 waiting'), { timeout: 5000 });
  const ids = all(map, 'td .link').map(node => node.textContent.trim());
  expect(ids).toEqual(['4', '2', '3']);
  all(map, 'td .link')[0]!.click();
  expect(opened).toEqual([{ view: 'job', endpoint: 'hpc1', plugin: 'psij', job: '4' }]);
});

test('a hundred endpoints are all there, and the jobs of thirty are read', async () => {
  const channel = withJobs(new FakeChannel(), []);
  for (let number = 1; number <= 100; number += 1) {
    channel.endpoint(`hpc${number}`, { psij: {} });
  }
  const { map } = await mapView(channel);
  expect(all(map, '.endpoint')).toHaveLength(100);
  expect(
    all(map, '.name')
      .slice(0, 3)
      .map(node => node.textContent.trim()),
  ).toEqual(['hpc1', 'hpc2', 'hpc3']);
  expect(new Set(channel.calls.map(call => call.endpoint)).size).toBe(WATCHED);
  const field = all(map, 'input[type=search]')[0] as HTMLInputElement;
  field.value = 'HPC9';
  field.dispatchEvent(new InputEvent('input'));
  await settled();
  expect(all(map, '.endpoint')).toHaveLength(11);
}, 20_000);

test('of thousands of jobs a few are listed', async () => {
  const jobs = Array.from({ length: 9_000 }, (_, number) => job(String(number), 'QUEUED', number));
  const { map } = await mapView(withJobs(new FakeChannel().endpoint('hpc1', { psij: {} }), jobs));
  await vi.waitFor(() => expect(textOf(map)).toContain('9,000 waiting'), { timeout: 5000 });
  expect(all(map, 'tbody tr')).toHaveLength(SHOWN);
  expect(textOf(map)).toContain('8,970 more');
}, 20_000);

test('without an endpoint it says how to connect the first one to this bridge', async () => {
  const { map } = await mapView(new FakeChannel());
  expect(textOf(map)).toContain('jupyter orbit token create hpc1');
  expect(textOf(map)).toContain('orbit-endpoint --name hpc1 --url http://localhost:8888/orbit');
});

test('while the bridge is away the map says so', async () => {
  const channel = new FakeChannel();
  channel.connection.set({ kind: 'lost', reason: 'away', since: 1 });
  const { map } = await mapView(channel);
  expect(textOf(map)).toContain('as soon as the bridge answers');
});

test('names and facts that are markup are text', async () => {
  const evil = '<img src=x onerror=alert(1)>';
  const channel = withJobs(new FakeChannel(), [{ ...job('1', 'ACTIVE'), name: evil, queue_name: evil }]);
  channel.endpoint(evil, { psij: {} }, { role: evil, hostname: evil, scheduler: evil });
  const { map } = await mapView(channel);
  await vi.waitFor(() => expect(all(map, 'tbody tr')).toHaveLength(1), { timeout: 5000 });
  expect(textOf(map)).toContain(evil);
  expect(all(map, 'img')).toEqual([]);
});

test('a map that is taken away reads and counts nothing any more', async () => {
  const channel = withJobs(new FakeChannel().endpoint('hpc1', { psij: {} }), []);
  const before = channel.listeners.count;
  for (let time = 0; time < 5; time += 1) {
    (await mapView(channel)).map.remove();
  }
  expect(channel.listeners.count).toBe(before);
  expect(runningJobs(channel).state.watched).toBe(0);
});

test('one endpoint whose jobs are no jobs doesn’t take the map from the others', async () => {
  const odd = [
    { job_id: 'j1', state: 'ACTIVE', time: 1 },
    { job_id: 7, state: { a: 1 }, executable: 5, arguments: 'text', name: {}, time: 'soon' },
    null,
    'text',
    job('whole', 'ACTIVE', 5),
  ];
  const channel = withJobs(new FakeChannel().endpoint('bad', { psij: {} }), odd).endpoint('good');
  const { map } = await mapView(channel);
  channel.event('bad', 'psij', 'job_status', {
    job_id: 'j2',
    state: ['x'],
    arguments: 5,
    executable: {},
    time: {},
  });
  await new Promise(resolve => setTimeout(resolve, 800));
  await settled();
  expect(Object.keys(places(map))).toEqual(['bad', 'good']);
  expect(textOf(map)).toContain('/bin/relax');
});

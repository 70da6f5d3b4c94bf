import { html } from 'lit';
import { beforeEach, expect, test, vi } from 'vitest';

import { OrbitError } from '../src/ui/channel/errors.js';
import type { Chart } from '../src/ui/parts/chart.js';
import { fromHistory, merged, NONE, Sampler, SPAN, withSample } from '../src/ui/state/samples.js';
import '../src/ui/views/system.js';
import type { SystemView } from '../src/ui/views/system.js';
import type { SysMetrics, View } from '../src/ui/wire/types.js';
import { FakeChannel } from './fake-channel.js';
import { all, mount, settled, textOf } from './mount.js';

vi.mock('uplot', () => ({
  default: class {
    setData(): void {}
    destroy(): void {}
  },
}));

const NOW = 1_800_000_000;

function tree(percent: number, more: Partial<SysMetrics> = {}): SysMetrics {
  return {
    system: { hostname: 'node1', user: 'ann', kernel: 'Linux', arch: 'x86_64', uptime: 90_000 },
    cpu: { model: 'Epyc', cores_logical: 8, cores_physical: 4, percent, load_avg: [4, 2, 1] },
    memory: { total: 2 ** 34, used: 2 ** 32, available: 3 * 2 ** 32, percent: 25 },
    disks: [],
    network: [],
    gpus: [],
    ...more,
  };
}

const history = (...percents: number[]) => ({
  interval: 5,
  columns: {
    time: percents.map((_, index) => NOW - 5 * (percents.length - index)),
    cpu_percent: percents,
    load_1: percents.map(() => 1),
    memory_percent: percents.map(() => 25),
  },
  units: {},
});

let channel: FakeChannel;

beforeEach(() => {
  channel = new FakeChannel()
    .endpoint('hpc1', { sysinfo: {} })
    .on('POST', /\/subscribe\/s1$/, () => ({ interval: 5, topic: 'metrics' }))
    .on('POST', /\/unsubscribe\/s1$/, () => ({ ok: true }))
    .on('GET', /\/history\/s1$/, () => history(10, 20))
    .on('GET', /\/host_role$/, () => ({ role: 'login', scheduler: 'slurm', job_id: null }));
});

const page = (endpoint = 'hpc1') =>
  mount<SystemView>(
    html`<orbit-system .channel=${channel} .endpoint=${endpoint} .plugin=${'sysinfo'}></orbit-system>`,
  );

const happens = (time: number, metrics: unknown, more = {}) =>
  channel.event('hpc1', 'sysinfo', 'metrics', { time, metrics, ...more });

const chartOf = (view: SystemView, label: string) =>
  all(view, 'orbit-chart').find(one => (one as Chart).label === label) as Chart;

const calls = (part: string) => channel.calls.filter(call => call.path.includes(part));

test('first the last ten minutes, then what comes', async () => {
  const view = await page();
  expect(chartOf(view, 'CPU').series[0]!.values).toEqual([10, 20]);
  happens(NOW, tree(30));
  await settled();
  expect(chartOf(view, 'CPU').series[0]!.values).toEqual([10, 20, 30]);
  expect(textOf(view)).toMatch(/CPU\s+30 %/);
  expect(textOf(view)).toContain('4.0 GiB of 16.0 GiB used');
  expect(textOf(view)).toContain('login · slurm');
});

test('load is shown against the cores', async () => {
  const view = await page();
  happens(NOW, tree(30));
  await settled();
  const load = chartOf(view, 'CPU').series[1]!;
  expect(load.label).toBe('Load of 8 cores');
  expect(load.values.at(-1)).toBe(50);
});

test('an event that comes while the history is read is kept', async () => {
  let answer: (value: unknown) => void = () => undefined;
  channel.on('GET', /\/history\/s1$/, () => new Promise(resolve => (answer = resolve)));
  const view = await page();
  happens(NOW, tree(30));
  answer(history(10, 20));
  await settled();
  expect(chartOf(view, 'CPU').series[0]!.values).toEqual([10, 20, 30]);
});

test('pause stops what is shown and what it costs; going on reads what was missed', async () => {
  const view = await page();
  happens(NOW, tree(30));
  await settled();
  const button = all(view, 'button').find(one => one.textContent.includes('Pause'))!;
  button.click();
  await settled();
  expect(calls('/unsubscribe/')).toHaveLength(1);
  expect(channel.listeners.count).toBe(0);
  happens(NOW + 5, tree(99));
  await settled();
  expect(textOf(view)).toContain('paused, as of');
  expect(chartOf(view, 'CPU').series[0]!.values).toEqual([10, 20, 30]);
  channel.on('GET', /\/history\/s1$/, () => history(10, 20, 99));
  button.click();
  await settled();
  expect(chartOf(view, 'CPU').series[0]!.values).toEqual([10, 20, 99]);
});

test('two views share one subscription, which ends with the last', async () => {
  const one = await page();
  const other = await page();
  expect(calls('/subscribe/')).toHaveLength(1);
  one.remove();
  await settled();
  expect(calls('/unsubscribe/')).toHaveLength(0);
  other.remove();
  await settled();
  expect(calls('/unsubscribe/')).toHaveLength(1);
});

test('opened and closed a hundred times it leaves nothing behind', async () => {
  const view = await page();
  const place = view.parentElement!;
  const [watching, connecting] = [channel.topology.watched, channel.connection.watched];
  for (let time = 0; time < 100; time += 1) {
    view.remove();
    expect(channel.listeners.count).toBe(0);
    place.append(view);
    await new Promise(requestAnimationFrame);
    await view.updateComplete;
  }
  await settled();
  expect(channel.listeners.count).toBe(1);
  expect([channel.topology.watched, channel.connection.watched]).toEqual([watching, connecting]);
});

test('a new connection and a gap read it anew', async () => {
  await page();
  channel.connection.set({ kind: 'lost', reason: '', since: 1 });
  channel.connection.set({ kind: 'connected', reason: '', since: 2 });
  await settled();
  expect(calls('/history/')).toHaveLength(2);
  channel.listeners.tellGap({ endpoint: 'hpc1', missed: null, time: 3 });
  await settled();
  expect(calls('/subscribe/')).toHaveLength(3);
  expect(calls('/history/')).toHaveLength(3);
});

test('an endpoint that was away is told of, and subscribed to anew', async () => {
  const view = await page();
  happens(NOW, tree(30));
  channel.topology.set(new Map());
  await settled();
  expect(textOf(view)).toContain('hpc1 has been away');
  expect(chartOf(view, 'CPU').series[0]!.values).toEqual([10, 20, 30]);
  channel.endpoint('hpc1', { sysinfo: {} }, { since: 99 });
  await settled();
  expect(textOf(view)).not.toContain('away for');
  expect(calls('/subscribe/')).toHaveLength(2);
});

test('without news for long it subscribes anew, since the session may be gone', async () => {
  const clocks = vi.spyOn(globalThis, 'setInterval');
  await page();
  const look = clocks.mock.calls.find(([, each]) => each === 5000)![0] as () => void;
  const begun = Date.now();
  look();
  await settled();
  expect(calls('/subscribe/')).toHaveLength(1);
  vi.spyOn(Date, 'now').mockReturnValue(begun + 60_000);
  look();
  await settled();
  expect(calls('/subscribe/')).toHaveLength(2);
});

test('an event without what does not change is laid over what is known', async () => {
  const whole = tree(30, { gpus: [{ id: '0', index: 0, name: 'H100', vendor: 'NVIDIA' } as never] });
  channel.on('GET', /\/metrics\/s1$/, () => whole);
  const view = await page();
  happens(NOW, { cpu: { percent: 31 }, gpus: [{ id: '0', vendor: 'NVIDIA', util_gpu: 55 }] }, { partial: true });
  await settled();
  happens(
    NOW + 5,
    { cpu: { percent: 32 }, gpus: [{ id: '0', vendor: 'NVIDIA', util_gpu: 66 }] },
    { partial: true },
  );
  await settled();
  expect(calls('/metrics/')).toHaveLength(1);
  expect(textOf(view)).toContain('H100');
  expect(textOf(view)).toContain('Epyc');
  expect(textOf(view)).toMatch(/GPU 0\s+66 %/);
});

test('branches that cannot be read say why, and so does a disk', async () => {
  const view = await page();
  const disks = [
    {
      mount: '/scratch',
      device: 'mds:/s',
      fstype: 'lustre',
      type: 'shared',
      total: null,
      used: null,
      percent: null,
      error: 'it did not answer within 2 s',
    },
    { mount: '/', device: '/dev/vda', fstype: 'ext4', type: 'local ssd', total: 1000, used: 990, percent: 99 },
  ] as SysMetrics['disks'];
  happens(NOW, tree(1, { disks, errors: { gpus: 'nvidia-smi: no driver', network: 'no /proc/net' } }));
  await settled();
  const text = textOf(view);
  expect(text).toContain('nvidia-smi: no driver');
  expect(text).toContain('no /proc/net');
  expect(text).toContain('⇄ shared');
  expect(text).toContain('it did not answer within 2 s');
  expect(text).toContain('nearly full');
});

test('what fails says so and can be tried again', async () => {
  let fails = true;
  channel.on('POST', /\/subscribe\/s1$/, () => {
    if (fails) {
      throw new OrbitError('no such thing', 'plugin-error', 500);
    }
    return {};
  });
  const view = await page();
  expect(textOf(view)).toContain('no such thing');
  fails = false;
  all(view, 'button')
    .find(one => one.textContent.includes('Try again'))!
    .click();
  await settled();
  expect(textOf(view)).not.toContain('no such thing');
  expect(chartOf(view, 'CPU').series[0]!.values).toEqual([10, 20]);
});

test('another endpoint can be picked', async () => {
  channel.endpoint('hpc2', { sysinfo: {} }).endpoint('hpc3', { psij: {} });
  const view = await page();
  const opened: View[] = [];
  view.addEventListener('orbit-open', event => opened.push(event.detail));
  const select = all(view, 'select')[0] as HTMLSelectElement;
  expect([...select.options].map(one => one.textContent)).toEqual(['hpc1', 'hpc2']);
  select.value = 'hpc2/sysinfo';
  select.dispatchEvent(new Event('change'));
  await settled();
  expect(opened).toEqual([{ view: 'monitor', endpoint: 'hpc2', plugin: 'sysinfo' }]);
  expect(calls('/unsubscribe/').map(call => call.endpoint)).toEqual(['hpc1']);
  expect(calls('/subscribe/').map(call => call.endpoint)).toEqual(['hpc1', 'hpc2']);
});

test('compact it is a line for each, without charts', async () => {
  const strip = await mount<SystemView>(
    html`<orbit-system compact .channel=${channel} .endpoint=${'hpc1'}></orbit-system>`,
  );
  happens(NOW, tree(30));
  await settled();
  expect(textOf(strip)).toMatch(/CPU\s+30 %\s+Memory\s+25 %/);
  expect(all(strip, 'orbit-chart')).toEqual([]);
  expect(all(strip, 'polyline')).toHaveLength(2);
});

test('script and nonsense from an endpoint are shown as text, or as not known', async () => {
  const view = await page();
  const evil = '<img src=x onerror=alert(1)>';
  happens(NOW, {
    system: { hostname: evil },
    cpu: { percent: 'much', load_avg: 'high' },
    memory: null,
    disks: evil,
    network: [null, { interface: evil, ip: evil, rx_bytes: 'x', tx_bytes: null }],
    gpus: [{ id: 1, vendor: 7, name: evil }],
  });
  await settled();
  expect(textOf(view)).toContain(evil);
  expect(all(view, 'img')).toEqual([]);
});

test('samples beyond ten minutes go, an old one is not taken twice, a clock set back begins anew', () => {
  const at = (time: number) => ({ time, values: new Map([['cpu_percent', time]]) });
  let samples = fromHistory({ interval: 5, columns: { time: [1, 100], cpu_percent: [1, 100] }, units: {} });
  samples = withSample(samples, at(100));
  expect(samples.times).toEqual([1, 100]);
  samples = withSample(samples, at(SPAN + 50));
  expect(samples.times).toEqual([100, SPAN + 50]);
  expect(samples.columns.get('cpu_percent')).toEqual([100, SPAN + 50]);
  expect(withSample(samples, at(10)).times).toEqual([10]);
  expect(withSample(NONE, at(3)).columns.get('cpu_percent')).toEqual([3]);
});

test('rates are of the time between two events; a counter that was set back is no negative rate', () => {
  const one = (rx: number, tx: number) => [
    { interface: 'eth0', ip: '', mac: '', speed_mbps: 0, rx_bytes: rx, tx_bytes: tx },
  ];
  const sampler = new Sampler();
  const take = (time: number, rx: number, tx: number) =>
    sampler.take(time, merged(null, { network: one(rx, tx) })).values;
  expect(take(10, 1000, 500).get('net_rx')).toBeNull();
  expect([...take(15, 2000, 1000)].filter(([name]) => name.startsWith('net'))).toEqual([
    ['net_rx', 200],
    ['net_tx', 100],
  ]);
  expect(take(20, 0, 2000).get('net_rx')).toBe(0);
});

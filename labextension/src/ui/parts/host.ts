/** The parts of a host: a card each, with its chart and the numbers of now. */

import { css, html, nothing, type TemplateResult } from 'lit';

import type { HostState } from '../state/host.js';
import { gpuName, SPAN, type Samples } from '../state/samples.js';
import type { SysDisk, SysGpu, SysInterface } from '../wire/types.js';
import { bar } from './bar.js';
import type { ChartSeries } from './chart.js';
import './chart.js';
import { bytes, duration, percent, plural } from '../text/format.js';
import { inUnit, textOf } from '../text/units.js';

type Shown = TemplateResult | typeof nothing;

/** Per cent from which a file system counts as nearly full. */
const FULL = 95;

export const hostLook = css`
  .cards {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(340px, 100%), 1fr));
    gap: 16px;
    align-items: start;
  }
  .card > .body {
    display: grid;
    gap: 8px;
    padding: 10px 14px 12px;
  }
  .card > header {
    align-items: baseline;
    justify-content: space-between;
    gap: 2px 12px;
  }
  .card > header .now {
    font-size: var(--o-large);
    font-weight: 600;
    font-variant-numeric: tabular-nums;
  }
  .facts {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(150px, 100%), 1fr));
    gap: 8px 16px;
    margin: 0;
  }
  .facts dt {
    font-size: var(--o-small);
    color: var(--o-text-soft);
  }
  .facts dd {
    margin: 0;
    overflow-wrap: anywhere;
  }
  .disk {
    display: grid;
    grid-template-columns: minmax(0, 1fr) auto;
    gap: 2px 12px;
  }
  .disk .bar,
  .disk .wide {
    grid-column: 1 / -1;
  }
  .disk + .disk {
    margin-top: 8px;
  }
  .tag {
    border: 1px solid var(--o-border-strong);
    border-radius: 3px;
    padding: 0 5px;
    font-size: var(--o-small);
    white-space: nowrap;
  }
  .disks {
    grid-column: 1 / -1;
  }
  .disks .body {
    grid-template-columns: repeat(auto-fill, minmax(min(320px, 100%), 1fr));
    gap: 14px 32px;
  }
  .disk + .disk {
    margin-top: 0;
  }
`;

export function facts({ metrics, role }: HostState): TemplateResult {
  const system = metrics?.system ?? {};
  const { model, cores_logical, cores_physical, freq_mhz } = metrics?.cpu ?? {};
  const cores = cores_logical ? plural(cores_logical, 'core') : '';
  const physical = cores_physical && cores_physical !== cores_logical ? `${cores_physical} physical` : '';
  const clock = typeof freq_mhz === 'number' ? `${(freq_mhz / 1000).toFixed(1)} GHz` : '';
  const rows: [string, string][] = [
    ['Host', textOf(system.hostname)],
    ['User', textOf(system.user)],
    ['Role', role ? joined(role.role, role.scheduler === 'none' ? '' : role.scheduler) : ''],
    ['Allocation', role?.job_id ? `job ${role.job_id}` : ''],
    ['Processor', textOf(model)],
    ['Cores', joined(cores, physical, clock)],
    ['System', joined(textOf(system.kernel), textOf(system.arch))],
    ['Up for', typeof system.uptime === 'number' ? duration(system.uptime) : ''],
  ];
  return html`<section class="card">
    <div class="body">
      <dl class="facts">
        ${rows
          .filter(([, value]) => value)
          .map(
            ([name, value]) =>
              html`<div>
                <dt>${name}</dt>
                <dd>${value}</dd>
              </div>`,
          )}
      </dl>
      ${problem(metrics?.errors?.['system'])}
    </div>
  </section>`;
}

export function cpuCard({ metrics, samples }: HostState): TemplateResult {
  const cpu = metrics?.cpu ?? {};
  const cores = cpu.cores_logical ?? 0;
  const load = cpu.load_avg ?? [];
  const loads = load.map(one => inUnit(one, '')).join(' · ');
  const series: ChartSeries[] = [{ label: 'Busy', unit: '%', values: column(samples, 'cpu_percent') }];
  if (cores) {
    const values = column(samples, 'load_1').map(one => (one === null ? null : (100 * one) / cores));
    series.push({ label: `Load of ${plural(cores, 'core')}`, unit: '%', values });
  }
  const values = series.flatMap(one => one.values).map(one => one ?? 0);
  const most = 100 * Math.ceil(Math.max(100, ...values) / 100);
  return card(
    'CPU',
    percent(cpu.percent),
    html`${chart('CPU', samples, series, most)}
    ${loads ? html`<p class="soft small">Load ${loads} over 1, 5 and 15 minutes</p>` : nothing}`,
    metrics?.errors?.['cpu'],
  );
}

export function memoryCard({ metrics, samples }: HostState): TemplateResult {
  const { used, total, available, percent: part } = metrics?.memory ?? {};
  const series: ChartSeries[] = [{ label: 'Memory', unit: '%', values: column(samples, 'memory_percent') }];
  const swap = column(samples, 'swap_percent');
  if (swap.some(one => one)) {
    series.push({ label: 'Swap', unit: '%', values: swap });
  }
  const words = `${bytes(used)} of ${bytes(total)} used, ${bytes(available)} available`;
  return card(
    'Memory',
    percent(part),
    html`${chart('Memory', samples, series, 100)}
      <p class="soft small">${total ? words : ''}</p>`,
    metrics?.errors?.['memory'],
  );
}

export function networkCard({ metrics, samples, rates }: HostState): TemplateResult {
  const [received, sent] = [column(samples, 'net_rx'), column(samples, 'net_tx')];
  const series: ChartSeries[] = [
    { label: 'Received', unit: 'B/s', values: received },
    { label: 'Sent', unit: 'B/s', values: sent },
  ];
  const all = metrics?.network ?? [];
  const one = (each: SysInterface) => {
    const rate = rates.get(each.interface);
    const speed = each.speed_mbps ? `${each.speed_mbps.toLocaleString()} Mbit/s` : '';
    const now = rate ? `↓ ${inUnit(rate.received, 'B/s')} ↑ ${inUnit(rate.sent, 'B/s')}` : '';
    return html`<p class="small soft" title=${each.mac}>
      <strong>${each.interface}</strong> ${joined(each.ip, speed, now)}
    </p>`;
  };
  const none = metrics && !all.length && !metrics.errors?.['network'];
  return card(
    'Network',
    `↓ ${inUnit(received.at(-1), 'B/s')} ↑ ${inUnit(sent.at(-1), 'B/s')}`,
    html`${chart('Network', samples, series)} ${all.map(one)}
    ${none ? html`<p class="small soft">No interface has an IPv4 address.</p>` : nothing}`,
    metrics?.errors?.['network'],
  );
}

export function gpuCards({ metrics, samples }: HostState): Shown {
  const all = metrics?.gpus ?? [];
  const why = metrics?.errors?.['gpus'];
  if (!all.length) {
    return why ? card('GPUs', '', nothing, why) : nothing;
  }
  return html`${all.map(gpu => gpuCard(gpu, samples))} ${why ? card('Other GPUs', '', nothing, why) : nothing}`;
}

function gpuCard(gpu: SysGpu, samples: Samples): TemplateResult {
  const name = gpuName(gpu);
  const { mem_total, mem_used, util_gpu } = gpu;
  const series: ChartSeries[] = [{ label: 'Busy', unit: '%', values: column(samples, `${name}_util`) }];
  if (mem_total) {
    const used = column(samples, `${name}_mem_used`);
    const values = used.map(one => (one === null ? null : (100 * one) / mem_total));
    series.push({ label: 'Memory', unit: '%', values });
  }
  const memory = mem_total
    ? `${inUnit(mem_used, 'MiB')} of ${inUnit(mem_total, 'MiB')} used`
    : 'memory isn’t measured';
  const title = `GPU ${gpu.index ?? gpu.id}`;
  const busy = util_gpu === undefined || util_gpu === null ? 'not measured' : percent(util_gpu);
  return card(
    title,
    busy,
    html`${chart(title, samples, series, 100)}
      <p class="small soft">
        ${joined(gpu.name ?? textOf(gpu.vendor), memory, gpu.driver_version ? `driver ${gpu.driver_version}` : '')}
      </p>`,
  );
}

export function disksCard({ metrics }: HostState): Shown {
  const all = metrics?.disks ?? [];
  const why = metrics?.errors?.['disks'];
  if (!all.length && !why) {
    return nothing;
  }
  return html`<section class="card disks">
    <header><h2>Disks</h2></header>
    <div class="body">${all.map(disk)} ${problem(why)}</div>
  </section>`;
}

function disk(one: SysDisk): TemplateResult {
  const shared = one.type === 'shared';
  const kind = html`<span class="tag" title=${shared ? 'Other machines see it, too' : textOf(one.type)}
    >${shared ? '⇄ shared' : textOf(one.type)}</span
  >`;
  const from = html`<span class="wide small soft cut" title=${textOf(one.device)}
    >${joined(textOf(one.fstype), textOf(one.device))}</span
  >`;
  if (one.error || one.total === null || one.total === undefined) {
    return html`<div class="disk">
      <strong class="cut" title=${one.mount}>${one.mount}</strong> ${kind}
      <span class="wide bad">✕ ${one.error ?? 'its size isn’t known'}</span> ${from}
    </div>`;
  }
  const full = (one.percent ?? 0) >= FULL;
  const words = `${bytes(one.used)} of ${bytes(one.total)} used`;
  return html`<div class="disk">
    <strong class="cut" title=${one.mount}>${one.mount}</strong> ${kind}
    ${bar([{ value: one.percent ?? 0, tone: full ? 'full' : 'used' }], 100, `${one.mount}: ${words}`)}
    <span class="small">${words}</span>
    <span class="small ${full ? 'bad' : ''}">${full ? 'nearly full · ' : ''}${percent(one.percent)}</span>
    ${from}
  </div>`;
}

function card(title: string, now: string, body: Shown, why?: string): TemplateResult {
  return html`<section class="card" aria-label=${title}>
    <header>
      <h2>${title}</h2>
      <span class="now">${now}</span>
    </header>
    <div class="body">${problem(why)} ${body}</div>
  </section>`;
}

function chart(label: string, { times }: Samples, series: ChartSeries[], max?: number): TemplateResult {
  return html`<orbit-chart
    .label=${label}
    .times=${times}
    .series=${series}
    .max=${max}
    .span=${SPAN}
  ></orbit-chart>`;
}

function problem(why: string | undefined): Shown {
  return why ? html`<p class="warn small" role="note">! Not all of it can be read: ${why}</p>` : nothing;
}

export function column(samples: Samples, name: string): readonly (number | null)[] {
  return samples.columns.get(name) ?? samples.times.map(() => null);
}

function joined(...parts: string[]): string {
  return parts.filter(Boolean).join(' · ');
}

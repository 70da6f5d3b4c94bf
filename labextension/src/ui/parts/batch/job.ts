/** A job that a batch system has: as a row, and all that is known of it. */

import { html, type TemplateResult } from 'lit';

import type { QueueJobDetails, QueueJobEntry } from '../../wire/types.js';
import { span } from './asked.js';
import { duration, time } from '../../text/format.js';
import type { Column } from '../rows/rows.js';
import { stateTemplate } from '../states.js';
import { textOf } from '../../text/units.js';

/** Of the table of jobs. */
export const BATCH_COLUMNS: Column<QueueJobEntry>[] = [
  {
    id: 'state',
    title: 'State',
    width: '120px',
    cell: job => stateTemplate(textOf(job.common_state)),
    sort: by(job => job.common_state),
  },
  {
    id: 'job',
    title: 'Job',
    width: '84px',
    cell: job => html`<span class="mono">${job.job_id}</span>`,
    sort: by(job => Number.parseInt(job.job_id) || 0),
  },
  {
    id: 'name',
    title: 'Name',
    width: '1fr',
    cell: job => job.job_name,
    sort: by(job => job.job_name),
    priority: 1,
  },
  { id: 'user', title: 'User', width: '90px', cell: job => job.user, sort: by(job => job.user), priority: 2 },
  {
    id: 'queue',
    title: 'Queue',
    width: '84px',
    cell: job => job.partition,
    sort: by(job => job.partition),
    priority: 2,
  },
  {
    id: 'why',
    title: 'Waits for, or runs on',
    width: '2fr',
    cell: waits,
    sort: by(job => job.expected_start ?? Infinity),
  },
  {
    id: 'nodes',
    title: 'Nodes',
    width: '60px',
    number: true,
    cell: job => job.nodes || '–',
    sort: by(job => job.nodes),
    priority: 2,
  },
  {
    id: 'time',
    title: 'Time',
    width: '120px',
    number: true,
    cell: timeOf,
    sort: by(job => job.time_used ?? -1),
    priority: 2,
  },
];

export function batchJobFacts({ job, accounting }: QueueJobDetails): TemplateResult {
  const one = { ...accounting, ...job };
  const when = (seconds: number | null | undefined) => (seconds ? time(seconds * 1000) : '');
  const rows: [string, string | number | null | undefined][] = [
    ['Name', job?.job_name],
    ['State', job?.state ?? accounting?.state],
    ['Reason', one.reason],
    ['User', job?.user],
    ['Queue', job?.partition],
    ['Account', job?.account],
    ['Nodes', one.nodes || ''],
    ['CPUs', one.cpus || ''],
    ['On', one.node_list],
    ['Priority', job?.priority],
    ['Submitted', when(one.submit_time)],
    ['Expected to start', when(job?.expected_start)],
    ['Started', when(one.start_time)],
    ['Ended', job && !accounting ? '' : when(one.end_time)],
    ['Ran for', job?.time_used ? duration(job.time_used) : accounting ? duration(accounting.elapsed) : ''],
    ['Limit', job?.time_limit_seconds ? span(job.time_limit_seconds) : ''],
    ['Processor time', accounting?.cpu_seconds ? duration(accounting.cpu_seconds) : ''],
    ['Largest memory', accounting?.max_memory_mb ? `${Math.round(accounting.max_memory_mb)} MiB` : ''],
    ['Exit code', one.exit_code],
  ];
  return html`<div class="body">
    <dl>
      ${rows
        .filter(([, value]) => value !== '' && value !== null && value !== undefined)
        .map(
          ([title, value]) =>
            html`<div>
              <dt>${title}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
    </dl>
  </div>`;
}

/** What a job is told apart by. */
export function keyOf(job: QueueJobEntry): string {
  return job.native_id || job.job_id;
}

/** Say why a job waits and until when; nothing of one that runs. */
function waits(job: QueueJobEntry): TemplateResult | string {
  if (job.common_state === 'ACTIVE') {
    return job.node_list;
  }
  const start = job.expected_start ? `expected ${time(job.expected_start * 1000)}` : '';
  const words = [job.reason ?? '', start].filter(Boolean).join(' · ') || '–';
  return html`<span title=${words}>${words}</span>`;
}

function timeOf(job: QueueJobEntry): string {
  const limit = job.time_limit_seconds ? span(job.time_limit_seconds) : '';
  if (job.common_state !== 'ACTIVE') {
    return limit;
  }
  return [duration(job.time_used), limit].filter(Boolean).join(' of ');
}

function by<T extends string | number>(value: (job: QueueJobEntry) => T) {
  return (one: QueueJobEntry, other: QueueJobEntry): number => {
    const [a, b] = [value(one), value(other)];
    return a < b ? -1 : a > b ? 1 : 0;
  };
}

/** The columns of a table of jobs, and which jobs a filter leaves. */

import { html, nothing } from 'lit';

import type { PsijJobSummary } from '../../wire/types.js';
import '../ago.js';
import { commandOf, exitOf, shortId } from './facts.js';
import type { Column } from '../rows/rows.js';
import { stateTemplate } from '../states.js';
import { ended } from '../../state/ended.js';

const ORDER = ['ACTIVE', 'QUEUED', 'NEW', 'FAILED', 'CANCELED', 'COMPLETED'];

type Compare = (one: PsijJobSummary, other: PsijJobSummary) => number;

function by(word: (job: PsijJobSummary) => string | number | null): Compare {
  return (one, other) => {
    const [a, b] = [word(one) ?? '', word(other) ?? ''];
    return a < b ? -1 : a > b ? 1 : 0;
  };
}

export const JOB_COLUMNS: readonly Column<PsijJobSummary>[] = [
  {
    id: 'state',
    title: 'State',
    width: '10em',
    cell: job => stateTemplate(job.state, exitOf(job)),
    sort: by(job => ORDER.indexOf(job.state)),
  },
  {
    id: 'job',
    title: 'Job',
    width: '6em',
    priority: 1,
    cell: job => html`<code title=${job.job_id}>${shortId(job)}</code>`,
    sort: (one, other) =>
      Number(one.native_id) - Number(other.native_id) ||
      by(shortId)(one, other) ||
      one.submit_time - other.submit_time,
  },
  {
    id: 'command',
    title: 'Command',
    width: '3fr',
    cell: job => {
      const command = job.executable ? commandOf(job) : '';
      const title = [job.name, command, job.message].filter(Boolean).join('\n');
      return html`<span title=${title}
        >${job.name ? html`${job.name} ` : nothing}${
          command && command !== job.name
            ? html`<code class=${job.name ? 'soft' : ''}>${command}</code> `
            : nothing
        }${job.message ? html`<span class="soft small">· ${job.message}</span>` : nothing}</span
      >`;
    },
    sort: by(job => job.name || commandOf(job)),
  },
  {
    id: 'queue',
    title: 'Queue',
    width: '6em',
    priority: 1,
    cell: job => job.queue_name ?? (job.executor === 'local' ? 'local' : '–'),
    sort: by(job => job.queue_name ?? job.executor),
  },
  {
    id: 'nodes',
    title: 'Nodes',
    width: '5em',
    priority: 2,
    number: true,
    cell: job => job.node_count ?? '–',
    sort: (one, other) => (one.node_count ?? 0) - (other.node_count ?? 0),
  },
  {
    id: 'since',
    title: 'In state',
    width: '5.5em',
    number: true,
    cell: job => html`<orbit-ago .since=${job.time * 1000}></orbit-ago>`,
    sort: (one, other) => other.time - one.time,
  },
];

/** What the choice of states offers; `unended` is all that still run or wait. */
export const STATE_CHOICES: readonly [value: string, label: string][] = [
  ['', 'All states'],
  ['unended', 'Not ended'],
  ['ACTIVE', 'ACTIVE'],
  ['QUEUED', 'QUEUED'],
  ['COMPLETED', 'COMPLETED'],
  ['FAILED', 'FAILED'],
  ['CANCELED', 'CANCELED'],
];

const haystacks = new WeakMap<PsijJobSummary, string>();

/** Return the jobs that fit, the newest first. */
export function newestFirst(
  jobs: ReadonlyMap<string, PsijJobSummary>,
  text: string,
  state: string,
): readonly PsijJobSummary[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const all = [...jobs.values()].reverse();
  if (!words.length && !state) {
    return all;
  }
  return all.filter(
    job =>
      (!state || (state === 'unended' ? !ended(job.state) : job.state === state)) &&
      words.every(word => haystackOf(job).includes(word)),
  );
}

function haystackOf(job: PsijJobSummary): string {
  let text = haystacks.get(job);
  if (text === undefined) {
    const { name, executable, native_id, job_id, queue_name, account, executor, state, message } = job;
    const all = [name, executable, ...(job.arguments ?? []), native_id, job_id, queue_name, account, executor];
    text = [...all, state, message].join(' ').toLowerCase();
    haystacks.set(job, text);
  }
  return text;
}

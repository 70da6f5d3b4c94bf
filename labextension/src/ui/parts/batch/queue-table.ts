/** The queues of a batch system as a table; one of them opened. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';

import type { QueueQueueEntry } from '../../wire/types.js';
import { span } from './asked.js';
import { bar } from '../bar.js';
import { bytes, plural } from '../../text/format.js';

export const queueLook = css`
  .queues td {
    vertical-align: middle;
  }
  .queues tbody tr.queue {
    cursor: pointer;
  }
  .queues tbody tr.queue:hover td {
    background: var(--o-bg-soft);
  }
  .queues tr[aria-selected='true'] td:first-child {
    box-shadow: inset 3px 0 var(--o-accent);
  }
  .queues .name {
    font-weight: 600;
    overflow-wrap: anywhere;
    text-align: left;
  }
  .queues .nodes {
    width: 34%;
    min-width: 130px;
  }
  .queues .detail dl {
    display: grid;
    grid-template-columns: repeat(auto-fit, minmax(min(150px, 100%), 1fr));
    gap: 8px 16px;
    margin: 4px 0 10px;
  }
  .queues .detail dt {
    font-size: var(--o-small);
    color: var(--o-text-soft);
  }
  .queues .detail .long {
    grid-column: 1 / -1;
  }
  .queues tbody tr:last-child td {
    border-bottom: 0;
  }
  .queues .detail dd {
    margin: 0;
    overflow-wrap: anywhere;
  }
  .tag {
    border: 1px solid var(--o-border-strong);
    border-radius: 3px;
    padding: 0 5px;
    font-size: var(--o-small);
    font-weight: 400;
    white-space: nowrap;
  }
  @container (max-width: 640px) {
    .queues .wide {
      display: none;
    }
    .queues .nodes {
      width: auto;
      min-width: 90px;
    }
    .queues th,
    .queues td {
      padding: 5px 6px;
    }
  }
`;

interface Opened {
  name: string;
  toggle: (name: string) => void;
  /** What can be done with the one that is opened. */
  actions: (queue: QueueQueueEntry) => TemplateResult;
}

const COLUMNS = 5;
/** Letters of what gets a line of its own. */
const LONG = 60;

export function queueTable(queues: readonly QueueQueueEntry[], opened: Opened): TemplateResult {
  return html`<table class="queues">
    <thead>
      <tr>
        <th>Queue</th>
        <th>State</th>
        <th>Time limit</th>
        <th>Nodes free now</th>
        <th class="wide">A node has up to</th>
      </tr>
    </thead>
    <tbody>
      ${repeat(
        queues,
        one => one.name,
        one => row(one, opened),
      )}
    </tbody>
  </table>`;
}

function row(one: QueueQueueEntry, { name, toggle, actions }: Opened): TemplateResult {
  const open = one.name === name;
  const up = one.state === 'UP';
  const { nodes_idle: idle, nodes_available: available, nodes_total: total } = one;
  const words = `${idle} of ${plural(available, 'node')} free${total > available ? `, ${total - available} down` : ''}`;
  const nodes = bar(
    [
      { value: idle, tone: up ? 'good' : 'soft' },
      { value: available - idle, tone: 'soft' },
    ],
    total,
    words,
  );
  return html`<tr class="queue" aria-selected=${open} @click=${() => toggle(one.name)}>
      <td>
        <button
          class="link name"
          aria-expanded=${open}
          @click=${(event: Event) => pressed(event, one.name, toggle)}
        >
          ${one.name}
        </button>
        ${one.default ? html`<span class="tag">default</span>` : nothing}
        ${restricted(one) ? html`<span class="tag" title=${forWhom(one)}>restricted</span>` : nothing}
      </td>
      <td><span class="state ${up ? 'good' : 'bad'}">${up ? '●' : '○'} ${one.state}</span></td>
      <td>${limitOf(one)}</td>
      <td class="nodes">${nodes}<span class="small soft">${words}</span></td>
      <td class="wide">${nodeOf(one)}</td>
    </tr>
    ${
      open
        ? html`<tr class="detail">
            <td colspan=${COLUMNS}>${details(one)}${actions(one)}</td>
          </tr>`
        : nothing
    }`;
}

/** The row hears of a click on its button, too: once is enough. */
function pressed(event: Event, name: string, toggle: (name: string) => void): void {
  event.stopPropagation();
  toggle(name);
}

function details(one: QueueQueueEntry): TemplateResult {
  const least = one.walltime_min ? `at least ${span(one.walltime_min)}` : '';
  const usual = one.default_time_seconds ? `${span(one.default_time_seconds)} unless a job says otherwise` : '';
  const rows: [string, string][] = [
    ['Time of a job', [`at most ${limitOf(one)}`, least, usual].filter(Boolean).join(', ')],
    ['Nodes of a job', range(one.nodes_min, one.nodes_max)],
    ['Nodes', `${one.nodes_idle} free, ${one.nodes_available} available, ${one.nodes_total} in all`],
    ['A node has up to', nodeOf(one)],
    ['Jobs of a user', one.max_jobs_per_user === null ? '' : `at most ${one.max_jobs_per_user}`],
    ['Features', listed(one.features)],
    ['For', forWhom(one)],
  ];
  return html`<dl>
    ${rows
      .filter(([, value]) => value)
      .map(
        ([title, value]) =>
          html`<div class=${value.length > LONG ? 'long' : ''}>
            <dt>${title}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
  </dl>`;
}

export function limitOf(one: QueueQueueEntry): string {
  return one.time_limit === 'UNLIMITED' ? 'unlimited' : span(one.time_limit_seconds);
}

function nodeOf(one: QueueQueueEntry): string {
  const memory = one.mem_per_node_mb ? bytes(one.mem_per_node_mb * 1024 * 1024) : '';
  const cpus = one.cpus_per_node ? plural(one.cpus_per_node, 'CPU') : '';
  return (
    [cpus, memory, one.gpus_per_node ? plural(one.gpus_per_node, 'GPU') : ''].filter(Boolean).join(' · ') || '–'
  );
}

function range(least: number | null, most: number | null): string {
  if (least === null && most === null) {
    return '';
  }
  return most === null ? `at least ${least}` : least && least > 1 ? `${least} to ${most}` : `at most ${most}`;
}

function restricted(one: QueueQueueEntry): boolean {
  return [one.accounts, one.users, one.groups].some(names => names?.length);
}

function forWhom(one: QueueQueueEntry): string {
  const parts = [
    ['accounts', listed(one.accounts)],
    ['users', listed(one.users)],
    ['groups', listed(one.groups)],
  ];
  const said = parts.filter(([, names]) => names).map(([what, names]) => `${what} ${names}`);
  return said.join('; ') || 'everyone';
}

function listed(names: readonly string[] | undefined): string {
  return Array.isArray(names) ? names.join(', ') : '';
}

/** What a user may charge jobs to with what is left of it, and the allocation that an endpoint runs in. */

import { css, html, nothing, type TemplateResult } from 'lit';

import type { QueueAllocation, QueueAllocationEntry } from '../../wire/types.js';
import { span } from './asked.js';
import { bar } from '../bar.js';
import { duration, plural, time } from '../../text/format.js';
import { inUnit, textOf } from '../../text/units.js';

/** Part of the hours that is used from which little is left. */
const LITTLE = 0.95;

export const allocationLook = css`
  .accounts {
    display: grid;
    grid-template-columns: repeat(auto-fill, minmax(min(300px, 100%), 1fr));
    gap: 14px 32px;
  }
  .account {
    display: grid;
    gap: 2px;
    align-content: start;
    min-width: 0;
  }
`;

export function accounts(all: readonly QueueAllocation[]): TemplateResult {
  return html`<div class="accounts">${all.map(account)}</div>`;
}

function account(one: QueueAllocation): TemplateResult {
  const { allocated_node_hours: granted, used_node_hours: used, remaining_node_hours: left } = one;
  const whole = granted ?? (used !== null && left !== null ? used + left : null);
  const spent = used ?? (whole !== null && left !== null ? whole - left : null);
  const words = hours(whole, spent, left);
  const little = whole !== null && spent !== null && spent >= LITTLE * whole;
  const limits = [
    one.fairshare === null ? '' : `fairshare ${inUnit(one.fairshare, '')}`,
    one.qos ? `QOS ${textOf(one.qos).replaceAll(',', ', ')}` : '',
    one.max_jobs === null ? '' : `at most ${plural(one.max_jobs, 'job')} at once`,
    one.max_submit === null ? '' : `${one.max_submit} submitted`,
    one.max_wall === null ? '' : `${span(one.max_wall)} a job`,
    one.grp_tres ? `limit ${one.grp_tres}` : '',
    one.resource ? `on ${one.resource}` : '',
    one.end_date ? `until ${one.end_date}` : '',
  ].filter(Boolean);
  return html`<div class="account">
    <span class="row"
      ><strong class="grow cut" title=${one.account}>${one.account}</strong>
      <span class=${little ? 'bad' : 'soft'}>${words}${little ? ', nearly used up' : ''}</span></span
    >
    ${
      whole
        ? bar([{ value: spent ?? 0, tone: little ? 'full' : 'used' }], whole, `${one.account}: ${words}`)
        : nothing
    }
    <span class="small soft">${limits.join(' · ')}</span>
  </div>`;
}

function hours(whole: number | null, used: number | null, left: number | null): string {
  const rounded = (value: number) => value.toLocaleString([], { maximumFractionDigits: value < 100 ? 1 : 0 });
  const remaining = left ?? (whole !== null && used !== null ? whole - used : null);
  if (remaining !== null) {
    return `${rounded(remaining)}${whole === null ? '' : ` of ${rounded(whole)}`} node hours left`;
  }
  return used === null ? '' : `${rounded(used)} node hours used`;
}

/** Show the allocation that the endpoint runs in, or say that it runs in none. */
export function ownAllocation(own: QueueAllocationEntry | null): TemplateResult {
  if (!own) {
    return html`<p class="soft">
      This endpoint runs outside of an allocation, as on a login node: what is to use the cluster’s nodes goes
      through a queue.
    </p>`;
  }
  const left = own.end_time ? own.end_time - Date.now() / 1000 : null;
  const each = [
    own.cpus_per_node ? plural(own.cpus_per_node, 'CPU') : '',
    own.gpus_per_node ? plural(own.gpus_per_node, 'GPU') : '',
  ].filter(Boolean);
  const parts = [
    own.job_name && own.job_name !== own.job_id ? own.job_name : '',
    own.partition ? `queue ${own.partition}` : '',
    own.account ? `account ${own.account}` : '',
    own.n_nodes ? plural(own.n_nodes, 'node') : '',
    each.length ? `${each.join(' and ')} each` : '',
  ].filter(Boolean);
  const ends = own.end_time ? `ends ${time(own.end_time * 1000)}, ${duration(left)} left` : '';
  const runtime = own.runtime;
  return html`<div class="account">
    <span class="row wrap"
      ><strong class="grow">Job ${own.job_id}</strong> <span class="soft">${ends || 'without a limit'}</span></span
    >
    ${runtime && left !== null ? bar([{ value: runtime - left, tone: 'used' }], runtime, ends) : nothing}
    <span class="small soft">${parts.join(' · ')}</span>
    ${own.nodelist ? html`<span class="small mono">${own.nodelist}</span>` : nothing}
  </div>`;
}

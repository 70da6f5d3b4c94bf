/** The page of a `queue_info`: queues and how full they are, jobs in them, and what is left to spend. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';

import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { accounts, allocationLook, ownAllocation } from '../parts/batch/allocations.js';
import { answered, asOf, staleness } from '../parts/batch/asked.js';
import { bars } from '../parts/bar.js';
import { away, empty } from '../parts/notice.js';
import { queueLook, queueTable } from '../parts/batch/queue-table.js';
import { textOf } from '../text/units.js';
import { whenBack } from '../state/back.js';
import { endpointsOf } from '../state/endpoints.js';
import { pluginOn } from '../state/plugin.js';
import { prefill } from '../state/prefill.js';
import { Question } from '../state/question.js';
import type { Unwatch } from '../value.js';
import { base, buttons, cards, inputs, tables, theme } from '../theme.js';
import type {
  QueueAllocations,
  QueueBackend,
  QueueJobAllocation,
  QueueQueueEntry,
  QueueQueues,
} from '../wire/types.js';
import type { BatchJobs } from './batch-jobs.js';
import './batch-jobs.js';

/** Milliseconds until it is read anew by itself; many who look cost the batch system one question. */
const AGAIN = 60_000;

/** Milliseconds that news of queues are gathered before they are read anew. */
const GATHER = 500;

const NAMES: Record<string, string> = { slurm: 'Slurm', pbs: 'PBS' };

@define('orbit-queues')
export class QueuesView extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    inputs,
    tables,
    bars,
    cards,
    queueLook,
    allocationLook,
    css`
      .scroll {
        overflow-x: auto;
      }
      label {
        margin: 0;
        display: flex;
        gap: 6px;
        align-items: center;
      }
    `,
  ];

  @property() endpoint = '';
  /** Empty: the endpoint's first `queue_info`. */
  @property() plugin = '';
  /** Name of the queue that is opened. */
  @state() private opened = '';
  /** The queues of others, too. */
  @state() private every = false;
  @query('orbit-batch-jobs') private jobs!: BatchJobs | null;

  private queues!: Question<QueueQueues>;
  private accounts!: Question<QueueAllocations>;
  private own!: Question<QueueJobAllocation & QueueBackend>;

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint, this.name(), this.every];
  }

  protected override start(): Unwatch[] {
    const there = endpointsOf(this.channel).all.watch(() => this.requestUpdate());
    const name = this.name();
    if (!name) {
      return [there];
    }
    const access = pluginOn(this.channel, this.endpoint, name);
    const told = () => this.requestUpdate();
    const user = this.every ? '*' : undefined;
    this.queues = new Question(told, force =>
      access.get<QueueQueues>('get_info/{sid}', { query: { user, force: force || undefined } }),
    );
    this.accounts = new Question(told, force =>
      access.get<QueueAllocations>('list_allocations/{sid}', { query: { force: force || undefined } }),
    );
    this.own = new Question(told, async () => ({
      ...(await access.get<QueueBackend>('backend')),
      ...(await access.get<QueueJobAllocation>('job_allocation')),
    }));
    let later: ReturnType<typeof setTimeout> | undefined;
    const clock = setInterval(() => {
      if (!document.hidden && this.checkVisibility()) {
        this.reload();
      }
    }, AGAIN);
    this.reload();
    return [
      there,
      () => clearTimeout(later),
      () => clearInterval(clock),
      this.queues.end,
      this.accounts.end,
      this.own.end,
      whenBack(this.channel, this.endpoint, () => this.reload()),
      this.channel.subscribe(
        { endpoint: this.endpoint, plugin: name, topic: 'queue_state' },
        event => {
          this.changed(event.data);
          clearTimeout(later);
          later = setTimeout(() => void this.queues.ask(), GATHER);
        },
        () => this.reload(),
      ),
    ];
  }

  override render(): TemplateResult {
    const name = this.name();
    if (!name) {
      return html`<div class="card">${empty(this.why())}</div>`;
    }
    return html`<div class="page">
      ${this.head()} ${away(endpointsOf(this.channel).all.value.get(this.endpoint))}
      <section class="card">
        <header>
          <h2 class="grow">${this.own.value?.allocation ? 'This endpoint’s allocation' : 'This endpoint'}</h2>
        </header>
        ${answered(
          this.own,
          value => html`<div class="body">${ownAllocation(value.allocation)}</div>`,
          () => this.reload(true),
        )}
      </section>
      <section class="card">
        <header>
          <h2>Queues</h2>
          ${asOf(this.queues)}<span class="grow"></span>
          <label
            ><input
              type="checkbox"
              .checked=${this.every}
              @change=${(event: Event) => (this.every = (event.target as HTMLInputElement).checked)}
            />Also those for others</label
          >
        </header>
        ${answered(
          this.queues,
          value => this.table(value),
          () => this.reload(true),
        )}
      </section>
      <orbit-batch-jobs
        .channel=${this.channel}
        .endpoint=${this.endpoint}
        .plugin=${name}
        .queue=${this.opened}
      ></orbit-batch-jobs>
      <section class="card">
        <header>
          <h2>Allocations</h2>
          ${asOf(this.accounts)}
        </header>
        ${answered(
          this.accounts,
          value => this.spending(value),
          () => this.reload(true),
        )}
      </section>
    </div>`;
  }

  private head(): TemplateResult {
    const backend = this.own.value?.backend ?? '';
    const busy = this.queues.busy || this.accounts.busy || this.own.busy;
    return html`<div class="head">
      <div class="title">
        <h1>Queues</h1>
        <span class="soft">${this.endpoint}${backend ? ` · ${NAMES[backend] ?? backend}` : ''}</span>
      </div>
      <button ?disabled=${busy} @click=${() => this.reload(true)}>${busy ? 'Asking …' : '↻ Refresh'}</button>
    </div>`;
  }

  private table(value: QueueQueues): TemplateResult {
    const all = Object.values(value.queues ?? {}).sort(
      (one, other) =>
        Number(other.default) - Number(one.default) || textOf(one.name).localeCompare(textOf(other.name)),
    );
    if (!all.length) {
      return html`${staleness(value)}${empty(
        'The batch system has no queues for you.',
        this.every ? nothing : html`Tick “Also those for others” to see all of them.`,
      )}`;
    }
    return html`${staleness(value)}
      <div class="scroll">
        ${queueTable(all, {
          name: this.opened,
          toggle: name => (this.opened = this.opened === name ? '' : name),
          actions: queue => this.actions(queue),
        })}
      </div>`;
  }

  private actions(queue: QueueQueueEntry): TemplateResult {
    const psij = endpointsOf(this.channel).plugin(this.endpoint, 'psij');
    if (!psij) {
      return html`<p class="soft">Jobs can be submitted from here when the endpoint has the plugin psij.</p>`;
    }
    return html`<p class="row wrap">
      <button class="primary" @click=${() => this.submit(queue, psij)}>Submit to this queue</button>
      ${queue.state === 'UP' ? nothing : html`<span class="warn">Jobs don’t start there now: ${queue.state}</span>`}
    </p>`;
  }

  private spending(value: QueueAllocations): TemplateResult {
    const all = Array.isArray(value.allocations) ? value.allocations : [];
    const none = empty('The batch system keeps no accounts for you; jobs need none then.');
    return html`${staleness(value)}${all.length ? html`<div class="body">${accounts(all)}</div>` : none}`;
  }

  private submit(queue: QueueQueueEntry, plugin: string): void {
    const executor = this.own.value?.backend ?? '';
    const accounts = new Set((this.accounts.value?.allocations ?? []).map(one => one.account));
    prefill(this.channel, this.endpoint, {
      queue: queue.name,
      ...(executor && executor !== 'none' && { executor }),
      // Where there is only one, that is meant.
      ...(accounts.size === 1 && { account: [...accounts][0] }),
    });
    this.open({ view: 'jobs', endpoint: this.endpoint, plugin });
  }

  private reload(force = false): void {
    for (const question of [this.queues, this.accounts, this.own]) {
      void question.ask(force);
    }
    this.jobs?.reload(force);
  }

  /** Bring a queue up to date at once; what else has changed is read soon. */
  private changed(data: Record<string, unknown>): void {
    const { value } = this.queues;
    const name = String(data['queue'] ?? '');
    const old = value?.queues[name];
    if (!value || !old) {
      return;
    }
    const available = Number(data['nodes_available'] ?? old.nodes_available);
    const now = {
      ...old,
      state: String(data['state'] ?? old.state),
      nodes_total: Number(data['nodes_total'] ?? old.nodes_total),
      nodes_available: available,
      nodes_idle: Math.min(old.nodes_idle, available),
    };
    const others = Object.entries(value.queues).filter(([other]) => other !== name);
    const queues = Object.fromEntries(now.state === 'GONE' ? others : [...others, [name, now]]);
    this.queues.value = { ...value, queues };
    this.requestUpdate();
  }

  /** The plugin to ask; empty: there is none. */
  private name(): string {
    if (!this.channel) {
      return this.plugin;
    }
    const all = endpointsOf(this.channel);
    const refused = all.all.value.get(this.endpoint)?.plugins.get(this.plugin)?.enabled === false;
    return (!refused && this.plugin) || (all.plugin(this.endpoint, 'queue_info') ?? '');
  }

  /** Why there is nothing to ask. */
  private why(): string {
    const one = endpointsOf(this.channel).all.value.get(this.endpoint);
    if (!one || one.state === 'gone') {
      return `${this.endpoint} isn’t connected. Its queues appear here by themselves when it is.`;
    }
    if (one.scheduler === 'none') {
      return `${one.name} has no batch system, and so no queues: its jobs run on that machine itself, at once.`;
    }
    const error = one.plugins.get(this.plugin || 'queue_info')?.error;
    return `${one.name} doesn’t have the plugin queue_info${error ? `: ${error}` : '.'}`;
  }
}

/** The jobs that a batch system has, whoever submitted them: why they wait, and their end. */

import { css, html, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { asOrbitError } from '../channel/errors.js';
import { newKey } from '../channel/key.js';
import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { answered, asOf, staleness } from '../parts/batch/asked.js';
import { BATCH_COLUMNS, batchJobFacts, keyOf } from '../parts/batch/job.js';
import { questionLook, questionTemplate, type Question as Confirmation } from '../parts/confirm.js';
import { plural } from '../text/format.js';
import '../parts/rows/rows.js';
import { textOf } from '../text/units.js';
import { whenBack } from '../state/back.js';
import { pluginOn } from '../state/plugin.js';
import { Question } from '../state/question.js';
import type { Unwatch } from '../value.js';
import { base, buttons, inputs, theme } from '../theme.js';
import type { QueueJobDetails, QueueJobEntry, QueueJobs } from '../wire/types.js';

interface Action {
  verb: 'cancel' | 'hold' | 'release';
  word: string;
  done: string;
  /** Whether it can be done to a job. */
  fits: (job: QueueJobEntry) => boolean;
  /** What it does, for who is asked. */
  means: string;
}

const ACTIONS: Action[] = [
  {
    verb: 'hold',
    word: 'Hold',
    done: 'held',
    fits: job => job.common_state === 'QUEUED',
    means: 'They wait until they are released.',
  },
  {
    verb: 'release',
    word: 'Release',
    done: 'released',
    fits: job => job.common_state === 'HELD',
    means: 'They may start.',
  },
  { verb: 'cancel', word: 'Cancel', done: 'cancelled', fits: () => true, means: 'What runs is ended.' },
];

@define('orbit-batch-jobs')
export class BatchJobs extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    inputs,
    questionLook,
    css`
      header > .grow {
        flex-basis: max-content;
      }
      label {
        margin: 0;
        display: flex;
        gap: 6px;
        align-items: center;
      }
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(150px, 100%), 1fr));
        gap: 8px 16px;
        margin: 0;
      }
      dt {
        font-size: var(--o-small);
        color: var(--o-text-soft);
      }
      dd {
        margin: 0;
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property() endpoint = '';
  @property() plugin = '';
  /** Only the jobs of this queue; empty: all. */
  @property() queue = '';
  @state() private everyone = false;
  @state() private chosen: ReadonlySet<string> = new Set();
  @state() private opened = '';
  @state() private asked: Confirmation | null = null;
  @state() private acting = false;

  private jobs!: Question<QueueJobs>;
  private details: Question<QueueJobDetails> | null = null;

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint, this.plugin, this.everyone];
  }

  protected override start(): Unwatch[] {
    const access = pluginOn(this.channel, this.endpoint, this.plugin);
    const user = this.everyone ? '*' : undefined;
    const jobs = (this.jobs = new Question(
      () => this.requestUpdate(),
      force => access.get<QueueJobs>('list_all_jobs/{sid}', { query: { user, force: force || undefined } }),
    ));
    this.chosen = new Set();
    this.close();
    void jobs.ask();
    return [jobs.end, () => this.details?.end(), whenBack(this.channel, this.endpoint, () => void jobs.ask())];
  }

  /** Ask the batch system anew; with `force` an answer of a moment ago is not good enough. */
  reload(force = false): void {
    void this.jobs?.ask(force);
    void this.details?.ask(force);
  }

  override render(): TemplateResult {
    const again = () => this.reload(true);
    return html`<section class="card">
      <header>
        <h2>${this.everyone ? 'Everyone’s jobs' : 'My jobs'}</h2>
        ${this.queue ? html`<span class="soft">in ${this.queue}</span>` : nothing} ${asOf(this.jobs)}<span
          class="grow"
        ></span>
        <label
          ><input
            type="checkbox"
            .checked=${this.everyone}
            @change=${(event: Event) => (this.everyone = (event.target as HTMLInputElement).checked)}
          />Everyone’s</label
        >
        ${ACTIONS.map(action => this.button(action))}
      </header>
      ${this.asked ? questionTemplate(this.asked, () => (this.asked = null)) : nothing}
      ${answered(this.jobs, value => this.table(value), again)} ${this.detail()}
    </section>`;
  }

  private table(value: QueueJobs): TemplateResult {
    const jobs = this.shown(value);
    const none = this.everyone ? 'No job is waiting or running' : 'None of your jobs is waiting or running';
    return html`${staleness(value)}
      <orbit-rows
        label="Jobs of the batch system"
        .columns=${BATCH_COLUMNS}
        .rows=${jobs}
        .key=${keyOf}
        .selected=${this.chosen}
        .current=${this.opened}
        .empty=${this.queue ? `${none} in ${this.queue}.` : `${none}. What is submitted shows here.`}
        @orbit-select=${(event: CustomEvent<string[]>) => this.choose(event.detail)}
        @orbit-activate=${(event: CustomEvent<string>) => this.show(event.detail)}
      ></orbit-rows>`;
  }

  /** The same array for the same answer, so that nothing is sorted anew. */
  private shown(value: QueueJobs): readonly QueueJobEntry[] {
    if (this.filtered.of !== value || this.filtered.queue !== this.queue) {
      const all = Array.isArray(value.jobs) ? value.jobs : [];
      const { queue } = this;
      const mine = queue ? all.filter(job => textOf(job.partition).split(',').includes(queue)) : all;
      this.filtered = { of: value, queue, jobs: mine };
    }
    return this.filtered.jobs;
  }

  private filtered: { of: QueueJobs | null; queue: string; jobs: readonly QueueJobEntry[] } = {
    of: null,
    queue: '',
    jobs: [],
  };

  private button(action: Action): TemplateResult {
    const number = this.fitting(action).length;
    return html`<button
      class=${action.verb === 'cancel' ? 'danger' : ''}
      ?disabled=${!number || this.acting}
      @click=${() => this.ask(action)}
    >
      ${action.word} …
    </button>`;
  }

  private fitting(action: Action): QueueJobEntry[] {
    const { value } = this.jobs;
    return value ? this.shown(value).filter(job => this.chosen.has(keyOf(job)) && action.fits(job)) : [];
  }

  private ask(action: Action): void {
    const jobs = this.fitting(action);
    const some = jobs.slice(0, 5).map(job => job.job_id);
    const names = jobs.length > some.length ? `${some.join(', ')}, …` : some.join(', ');
    const them = jobs.length === 1 ? 'it' : 'them';
    this.asked = {
      text: `${action.word} ${plural(jobs.length, 'job')} (${names})? ${action.means}`,
      yes: `${action.word} ${them}`,
      no: `Leave ${them}`,
      danger: action.verb === 'cancel',
      done: () => void this.act(action, jobs),
    };
  }

  private async act(action: Action, jobs: QueueJobEntry[]): Promise<void> {
    this.acting = true;
    const access = pluginOn(this.channel, this.endpoint, this.plugin);
    const results = await Promise.allSettled(
      jobs.map(job => {
        const route = `${action.verb}/{sid}/${encodeURIComponent(job.native_id || job.job_id)}`;
        return access.post(route, undefined, { key: newKey() });
      }),
    );
    this.acting = false;
    const failures = results.flatMap((one, index) =>
      one.status === 'rejected' ? [`${jobs[index]!.job_id}: ${asOrbitError(one.reason).message}`] : [],
    );
    const good = jobs.length - failures.length;
    if (good) {
      this.toast(`${plural(good, 'job')} ${action.done}`, 'success');
    }
    if (failures.length) {
      const more = failures.length > 3 ? `; and ${failures.length - 3} more` : '';
      this.toast(`Not ${action.done}: ${failures.slice(0, 3).join('; ')}${more}`, 'error');
    }
    this.chosen = new Set();
    this.reload(true);
  }

  private choose(keys: string[]): void {
    this.chosen = new Set(keys);
    this.asked = null;
  }

  private show(key: string): void {
    if (this.opened === key) {
      this.close();
      return;
    }
    this.close();
    this.opened = key;
    const access = pluginOn(this.channel, this.endpoint, this.plugin);
    const route = `job/{sid}/${encodeURIComponent(key)}`;
    this.details = new Question(
      () => this.requestUpdate(),
      force => access.get<QueueJobDetails>(route, { query: { force: force || undefined } }),
    );
    void this.details.ask();
  }

  private close(): void {
    this.details?.end();
    this.details = null;
    this.opened = '';
  }

  private detail(): TemplateResult | typeof nothing {
    const { details } = this;
    if (!details) {
      return nothing;
    }
    return html`<footer>
        <div class="row grow">
          <h3 class="grow">Job ${this.opened}</h3>
          <button class="plain" aria-label="Close" @click=${() => this.close()}>✕</button>
        </div>
      </footer>
      ${answered(
        details,
        value => batchJobFacts(value),
        () => void details.ask(true),
      )}`;
  }
}

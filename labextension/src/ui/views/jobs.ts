/** The jobs of a `psij`: the form that submits one, the table of all, and below it the one that was chosen. */

import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { newKey } from '../channel/key.js';
import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { questionLook, questionTemplate, type Question } from '../parts/confirm.js';
import '../parts/form/form.js';
import type { Submitted } from '../parts/form/form.js';
import { plainTitle, plural } from '../text/format.js';
import { JOB_COLUMNS, newestFirst, STATE_CHOICES } from '../parts/job/columns.js';
import { jobsLook } from '../parts/job/list-look.js';
import { away, empty, failed, loading } from '../parts/notice.js';
import { Paced } from '../parts/rows/paced.js';
import '../parts/rows/rows.js';
import { ended } from '../state/ended.js';
import { endpointsOf } from '../state/endpoints.js';
import { jobsOf, type Jobs } from '../state/jobs.js';
import { pluginOn } from '../state/plugin.js';
import { prefills, takePrefill } from '../state/prefill.js';
import type { Unwatch } from '../value.js';
import { base, buttons, inputs, theme } from '../theme.js';
import type { PsijCancelledAll, PsijJobSummary, PsijSubmitted, UIConfig } from '../wire/types.js';
import './job.js';

type Shown = TemplateResult | typeof nothing;

/** Pixels below which the form begins closed, so that jobs are what is seen first. */
const NARROW = 700;
/** Seconds that the endpoint may take to ask for many ends. */
const CANCEL_TIME = 90;

@define('orbit-jobs')
export class JobsView extends OrbitElement {
  static override styles = [theme, base, buttons, inputs, questionLook, jobsLook];

  @property() endpoint = '';
  @property() plugin = '';
  /** What the form begins with. */
  @property({ attribute: false }) values: Readonly<Record<string, unknown>> = {};
  /** Text that jobs are looked for by; the event `orbit-filter` tells what the user types. */
  @property() filter = '';
  /** Ids; the event `orbit-select` tells what the user selects. */
  @property({ attribute: false }) selected: ReadonlySet<string> = new Set();
  /** Id of the job that is shown below the table. */
  @property() current = '';

  @state() private only = '';
  @state() private formOpen: boolean | null = null;
  @state() private question: Question | null = null;
  @state() private error: OrbitError | null = null;
  @state() private doing = '';
  private jobs!: Jobs;
  private list = new Paced<readonly PsijJobSummary[]>([]);
  private later: ReturnType<typeof setTimeout> | undefined;

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint, this.plugin];
  }

  protected override start(): Unwatch[] {
    this.jobs = jobsOf(this.channel, this.endpoint, this.plugin);
    [this.question, this.error, this.doing] = [null, null, ''];
    return [
      prefills(this.channel).watch(() => this.requestUpdate()),
      this.jobs.state.watch(() => this.requestUpdate()),
      this.jobs.use(),
      endpointsOf(this.channel).all.watch(() => this.requestUpdate()),
      () => clearTimeout(this.later),
    ];
  }

  protected override willUpdate(changed: PropertyValues): void {
    if (this.hasUpdated && (changed.has('endpoint') || changed.has('plugin'))) {
      [this.current, this.selected, this.list] = ['', new Set(), new Paced<readonly PsijJobSummary[]>([])];
    }
    super.willUpdate(changed);
    // Here, since of several only one that is in sight is drawn.
    const values = takePrefill(this.channel, this.endpoint);
    if (values) {
      this.fill(values);
    }
    this.formOpen ??= !(this.clientWidth && this.clientWidth < NARROW);
    const { jobs, version } = this.jobs.state.value;
    const wait = this.list.take([this.jobs, version], [this.filter, this.only], () =>
      newestFirst(jobs, this.filter, this.only),
    );
    if (wait > 0) {
      clearTimeout(this.later);
      this.later = setTimeout(() => this.requestUpdate(), wait);
    }
  }

  override render(): TemplateResult {
    const one = endpointsOf(this.channel).all.value.get(this.endpoint);
    const plugin = one?.plugins.get(this.plugin);
    const config = plugin?.ui_config as Partial<UIConfig> | undefined;
    return html`
      <div class="title">
        <h1>${config?.title || 'Jobs'}</h1>
        <p class="soft">${this.endpoint}${config?.description ? ` · ${config.description}` : ''}</p>
      </div>
      ${away(one)}
      <div class="page ${this.formOpen ? '' : 'closed'}">
        ${this.form(config, plugin?.type ?? 'psij')} ${this.table()}
      </div>
    `;
  }

  private form(config: Partial<UIConfig> | undefined, type: string): Shown {
    const form = config?.forms?.[0];
    if (!form) {
      return nothing;
    }
    return html`<section class="card form" aria-label="Submit a job">
      <header>
        <h2 class="grow">${plainTitle(form.title) || 'Submit job'}</h2>
        <button
          class="plain"
          aria-expanded=${this.formOpen ? 'true' : 'false'}
          @click=${() => (this.formOpen = !this.formOpen)}
        >
          ${this.formOpen ? 'Hide' : 'Show'}
        </button>
      </header>
      <div class="body" ?hidden=${!this.formOpen}>
        <orbit-form
          .channel=${this.channel}
          .endpoint=${this.endpoint}
          .plugin=${this.plugin}
          .type=${type}
          .form=${form}
          .values=${this.values}
          @orbit-submitted=${this.submitted}
        ></orbit-form>
      </div>
    </section>`;
  }

  private table(): TemplateResult {
    const { read, error, version, jobs } = this.jobs.state.value;
    const again = () => void this.jobs.reload();
    return html`<section class="card jobs" aria-label="Jobs">
      ${this.head(jobs.size)}
      ${this.question ? questionTemplate(this.question, () => (this.question = null)) : nothing}
      ${this.error ? failed(this.error) : nothing} ${error ? failed(error, again) : nothing}
      ${this.doing ? html`<p class="notice soft" role="status">${this.doing}</p>` : nothing}
      ${
        read || jobs.size
          ? html`<orbit-rows
              class=${this.current ? 'short' : ''}
              label="Jobs"
              .columns=${JOB_COLUMNS}
              .rows=${this.list.value}
              .version=${version}
              .key=${keyOf}
              .selected=${this.selected}
              .current=${this.current}
              .empty=${this.none(jobs.size)}
              @orbit-select=${(event: CustomEvent<string[]>) => this.select(event.detail)}
              @orbit-activate=${(event: CustomEvent<string>) => this.show(event.detail)}
            ></orbit-rows>`
          : error
            ? nothing
            : loading('Reading the jobs')
      }
      ${this.current ? this.detail() : nothing}
    </section>`;
  }

  private head(total: number): TemplateResult {
    const shown = this.list.value.length;
    const marked = [...this.selected].filter(id => this.runs(id));
    const running = this.jobs.running;
    return html`<header>
      <h2>Jobs</h2>
      <span class="soft" role="status">${shown.toLocaleString()} of ${total.toLocaleString()}</span>
      <span class="grow"></span>
      <input
        type="search"
        placeholder="Filter"
        aria-label="Filter the jobs"
        .value=${this.filter}
        @input=${(event: InputEvent) => this.look((event.target as HTMLInputElement).value)}
      />
      <select
        aria-label="State"
        @change=${(event: Event) => (this.only = (event.target as HTMLSelectElement).value)}
      >
        ${STATE_CHOICES.map(
          ([value, label]) => html`<option value=${value} ?selected=${value === this.only}>${label}</option>`,
        )}
      </select>
      ${
        this.selected.size
          ? html`<button ?disabled=${!marked.length} @click=${() => this.askCancel(marked)}>
              Cancel ${marked.length || ''} selected …
            </button>`
          : html`<button ?disabled=${!running} @click=${() => this.askCancel(null)}>Cancel all …</button>`
      }
    </header>`;
  }

  private detail(): TemplateResult {
    return html`<div class="detail">
      <button class="plain close" aria-label="Close the job" @click=${() => this.show(this.current)}>✕</button>
      <orbit-job
        compact
        .channel=${this.channel}
        .endpoint=${this.endpoint}
        .plugin=${this.plugin}
        .job=${this.current}
        @orbit-submitted=${this.submitted}
        @orbit-fill=${(event: CustomEvent<Record<string, unknown>>) => this.fill(event.detail)}
      ></orbit-job>
    </div>`;
  }

  private none(total: number): TemplateResult | string {
    if (!total) {
      return 'No jobs yet. What you submit here, in a notebook or anywhere else appears by itself.';
    }
    const clear = () => {
      this.only = '';
      this.look('');
    };
    return empty('No job fits.', html`<button class="link" @click=${clear}>Show all</button>`);
  }

  private look(text: string): void {
    this.filter = text;
    this.dispatchEvent(new CustomEvent<string>('orbit-filter', { detail: text }));
  }

  private select(ids: string[]): void {
    this.selected = new Set(ids);
    this.dispatchEvent(new CustomEvent<string[]>('orbit-select', { detail: ids }));
  }

  private show(id: string): void {
    this.current = this.current === id ? '' : id;
  }

  /** Have the form begin with these. */
  private fill(values: Readonly<Record<string, unknown>>): void {
    this.values = values;
    this.formOpen = true;
    void this.updateComplete.then(() => this.renderRoot.querySelector('.form')?.scrollIntoView?.());
  }

  private submitted = (event: CustomEvent<Submitted>): void => {
    event.preventDefault();
    const { job_id: id } = (event.detail.answer ?? {}) as Partial<PsijSubmitted>;
    if (id) {
      this.current = id;
    }
  };

  private runs(id: string): boolean {
    const job = this.jobs.state.value.jobs.get(id);
    return job !== undefined && !ended(job.state);
  }

  /** Ask before; null: all that haven't ended. */
  private askCancel(ids: string[] | null): void {
    const what = ids
      ? plural(ids.length, 'selected job')
      : `all ${plural(this.jobs.running, 'job')} on ${this.endpoint}`;
    const whose = ids ? '' : ', whoever submitted them and whatever the filter shows';
    this.question = {
      text: `Ask for the end of ${what}${whose}? It can’t be taken back.`,
      yes: ids ? `Cancel ${plural(ids.length, 'job')}` : 'Cancel all jobs',
      no: 'Keep them',
      danger: true,
      done: () => void this.cancel(ids),
    };
  }

  private async cancel(ids: string[] | null): Promise<void> {
    this.error = null;
    this.doing = 'Asking for their end …';
    try {
      const { canceled, failed: not } = await pluginOn(
        this.channel,
        this.endpoint,
        this.plugin,
      ).post<PsijCancelledAll>('cancel_all/{sid}', ids ? { job_ids: ids } : {}, {
        key: newKey(),
        seconds: CANCEL_TIME,
      });
      this.toast(`The end of ${plural(canceled.length, 'job')} was asked for.`, 'success');
      this.doing = not.length
        ? `${plural(not.length, 'job')} couldn’t be asked: ${not[0]!.error}${not.length > 1 ? ' …' : ''}`
        : '';
    } catch (error) {
      this.doing = '';
      this.error = asOrbitError(error);
    }
  }
}

function keyOf(job: PsijJobSummary): string {
  return job.job_id;
}

interface JobsEvents {
  'orbit-filter': CustomEvent<string>;
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-jobs': JobsView;
  }
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface HTMLElementEventMap extends JobsEvents {}
}

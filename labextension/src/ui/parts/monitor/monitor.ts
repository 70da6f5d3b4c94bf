/**
 * A monitor that a plugin describes: `<orbit-monitor .channel .endpoint .plugin .type .monitor .notifications .load>`.
 *
 * `load` is the route that fills it where it has none of its own; another `refresh` reads it anew.
 */

import { Task } from '@lit/task';
import { css, html, nothing, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import type { Gap, OrbitEvent } from '../../channel/channel.js';
import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { pluginOn } from '../../state/plugin.js';
import type { Unwatch } from '../../value.js';
import { base, buttons, theme } from '../../theme.js';
import type { UIMonitor, UINotifications } from '../../wire/types.js';
import { bars } from '../bar.js';
import '../chart.js';
import { plural } from '../../text/format.js';
import { chartsOf, type Charts } from './chart.js';
import { Lines, linesIn } from './log.js';
import { isItem, keysOf, recordsIn, TaskRows, type Item } from './records.js';
import './tasks.js';
import { columnOf, jsonTemplate, metricsTemplate, valuesLook } from './values.js';
import { empty, failed, shown } from '../notice.js';
import type { Column } from '../rows/rows.js';
import '../rows/rows.js';

/** Milliseconds between two reads that events ask for. */
const PAUSE = 2000;

@define('orbit-monitor')
export class Monitor extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    bars,
    valuesLook,
    css`
      .card > header h2 {
        flex: 1 1 auto;
      }
      pre {
        max-height: min(60vh, 640px);
        overflow: auto;
      }
    `,
  ];

  @property() endpoint = '';
  @property() plugin = '';
  @property() type = '';
  @property({ attribute: false }) monitor: UIMonitor = { id: '' };
  @property({ attribute: false }) notifications: UINotifications | null = null;
  @property() load = '';
  @property({ attribute: false }) refresh = 0;

  /** Key of the row of a table that is shown whole. */
  @state() private opened = '';
  private asked = 0;
  private tasks = new TaskRows('uid');
  private lines = new Lines();
  private version = 0;
  /** Events that came while the rows were being read: what is read may be older than they are. */
  private during: Item[] = [];
  private later: ReturnType<typeof setTimeout> | undefined;
  private table: Table | null = null;
  private charts: { of: unknown; drawn: Charts } | null = null;

  private data = new Task(this, {
    args: () => [this.channel, this.endpoint, this.plugin, this.route, this.refresh, this.asked] as const,
    task: async ([channel, endpoint, plugin, route], { signal }) => {
      if (!route || !channel) {
        return null;
      }
      const answer = await pluginOn(channel, endpoint, plugin).get<unknown>(route, { signal });
      this.took(answer);
      return { answer, at: Date.now() / 1000 };
    },
  });

  private get route(): string {
    return this.monitor.auto_load || (this.kind === 'log' ? '' : this.load);
  }

  private get kind(): NonNullable<UIMonitor['type']> {
    return this.monitor.type ?? 'raw';
  }

  protected override sources(): unknown[] {
    const { channel, endpoint, plugin, monitor, notifications } = this;
    return [channel, endpoint, plugin, JSON.stringify(monitor), JSON.stringify(notifications)];
  }

  protected override start(): Unwatch[] {
    this.tasks = new TaskRows(this.notifications?.id_field ?? 'uid');
    this.lines = new Lines();
    this.asked += 1; // what they had is read anew, also by an element that was moved
    const mine = { endpoint: this.endpoint, plugin: this.plugin };
    let connected = this.channel.connection.value.kind === 'connected';
    return [
      this.channel.subscribe(
        mine,
        event => this.happened(event),
        gap => this.missed(gap),
      ),
      this.channel.connection.watch(now => {
        if (now.kind === 'connected' && !connected) {
          this.again();
        }
        connected = now.kind === 'connected';
      }),
      () => {
        clearTimeout(this.later);
        this.later = undefined;
      },
    ];
  }

  override render(): TemplateResult {
    const { title, id } = this.monitor;
    const rows = this.kind === 'task_list' ? this.tasks.rows.size : 0;
    return html`<section class="card ${this.monitor.css_class ?? ''}">
      <header>
        <h2 class="cut">${title || id}</h2>
        ${rows ? html`<span class="soft">${plural(rows, 'row')}</span>` : nothing}
      </header>
      ${this.body()}
    </section>`;
  }

  private body(): TemplateResult | typeof nothing {
    if (this.kind === 'log') {
      const error = this.monitor.auto_load && this.data.error;
      return html`${error ? failed(error, this.now) : nothing}<orbit-log-lines
          .channel=${this.channel}
          .lines=${this.lines}
          .version=${this.version}
          .empty=${this.monitor.empty_text ?? ''}
        ></orbit-log-lines>`;
    }
    return shown(
      this.data,
      value => (value === null && !this.tasks.rows.size ? this.nothingYet() : this.filled(value)),
      this.now,
    );
  }

  private nothingYet(): TemplateResult {
    return empty(this.monitor.empty_text || 'Nothing yet.');
  }

  private filled(value: { answer: unknown; at: number } | null): TemplateResult {
    const answer = value?.answer;
    switch (this.kind) {
      case 'task_list':
        return html`<orbit-task-list
          .channel=${this.channel}
          .endpoint=${this.endpoint}
          .plugin=${this.plugin}
          .type=${this.type}
          .monitor=${this.monitor}
          .tasks=${this.tasks}
          .stateField=${this.notifications?.state_field ?? 'state'}
          .version=${this.version}
        ></orbit-task-list>`;
      case 'table':
        return this.tableOf(answer);
      case 'chart':
        return this.chartOf(answer, value?.at ?? 0);
      case 'metrics':
        return isBare(answer) ? this.nothingYet() : html`<div class="body">${metricsTemplate(answer)}</div>`;
      default:
        return isBare(answer) ? this.nothingYet() : html`<div class="body">${jsonTemplate(answer)}</div>`;
    }
  }

  private tableOf(answer: unknown): TemplateResult {
    const table = this.table && this.table.of === answer ? this.table : tableOf(answer);
    this.table = table;
    return html`<orbit-rows
        .channel=${this.channel}
        .columns=${table.columns}
        .rows=${table.rows}
        .key=${table.key}
        .empty=${this.monitor.empty_text || 'Nothing here.'}
        .current=${this.opened}
        label=${this.monitor.title ?? 'Table'}
        @orbit-activate=${this.activated}
      ></orbit-rows
      >${this.opened && table.rows[Number(this.opened)] ? this.detail(table) : nothing}`;
  }

  /** All of a row: where it is narrow its columns aren't. */
  private detail({ rows }: Table): TemplateResult {
    return html`<footer>
      <div class="grow">${metricsTemplate(rows[Number(this.opened)])}</div>
      <button @click=${() => (this.opened = '')}>Close</button>
    </footer>`;
  }

  private activated = (event: CustomEvent<string>): void => {
    this.opened = this.opened === event.detail ? '' : event.detail;
  };

  private chartOf(answer: unknown, at: number): TemplateResult {
    let drawn = this.charts && this.charts.of === answer ? this.charts.drawn : null;
    if (!drawn) {
      drawn = chartsOf(answer, at);
      this.charts = { of: answer, drawn };
      this.again(drawn.interval * 1000);
    }
    const { groups, times } = drawn;
    if (!groups.length) {
      return this.nothingYet();
    }
    return html`<div class="body">
      ${groups.map(
        ({ unit, series }) =>
          html`<orbit-chart
            .channel=${this.channel}
            .series=${series}
            .times=${times}
            .max=${unit === '%' ? 100 : undefined}
            label="${this.monitor.title ?? 'Chart'} ${unit}"
          ></orbit-chart>`,
      )}
    </div>`;
  }

  /** An answer has come. */
  private took(answer: unknown): void {
    if (this.kind === 'task_list') {
      this.tasks.take(answer);
      this.during.forEach(data => this.tasks.happened(data));
    } else if (this.kind === 'log') {
      this.lines = new Lines();
      linesIn(answer).forEach(line => this.lines.add(line));
    }
    this.during = [];
    this.version += 1;
  }

  private happened(event: OrbitEvent): void {
    const wanted = this.notifications?.topic ?? '';
    if (this.kind === 'log') {
      this.lines.add(event);
    } else if (this.kind === 'task_list' && wanted && event.topic.startsWith(wanted)) {
      this.rowsHappened(event, wanted);
    } else if (event.topic === wanted) {
      this.again();
      return;
    }
    this.version += 1;
    this.requestUpdate();
  }

  private missed(gap: Gap): void {
    const what = gap.missed === null ? 'Some events were missed.' : `${plural(gap.missed, 'event')} missed.`;
    this.lines.add({ time: Date.now(), topic: 'gap', data: what });
    this.version += 1;
    this.again();
  }

  /** Rows come one by one, or many in an event `TOPIC_batch`. */
  private rowsHappened(event: OrbitEvent, wanted: string): void {
    const batch = event.topic === `${wanted}_batch` ? recordsIn(event.data) : null;
    if (!batch && event.topic !== wanted) {
      return;
    }
    for (const data of batch ?? [event.data]) {
      if (this.data.status === 1) {
        this.during.push(data);
      }
      if (!this.tasks.happened(data)) {
        this.again(); // it is about something else: what is shown may have changed
      }
    }
  }

  private now = (): void => this.again(0);

  /** Read it anew, soon; how often it is asked for doesn't matter. */
  private again(wait = PAUSE): void {
    this.later ??= setTimeout(() => {
      this.later = undefined;
      this.asked += 1;
      this.requestUpdate();
    }, wait);
  }
}

interface Table {
  of: unknown;
  rows: Item[];
  columns: Column<Item>[];
  key: (row: Item) => string;
}

function tableOf(answer: unknown): Table {
  const rows = recordsIn(answer) ?? (isItem(answer) ? pairs(answer) : []);
  const columns = keysOf(rows).map((key, at) => columnOf(key, at < 2 ? 0 : at < 5 ? 1 : 2));
  const places = new Map(rows.map((row, at) => [row, String(at)]));
  return { of: answer, rows, columns, key: row => places.get(row) ?? '' };
}

function pairs(all: Item): Item[] {
  return Object.entries(all).map(([name, value]) => ({ name, value }));
}

function isBare(answer: unknown): boolean {
  return answer === undefined || answer === null || (typeof answer === 'object' && !Object.keys(answer).length);
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-monitor': Monitor;
  }
}

/**
 * A form that a plugin describes.
 *
 * `<orbit-form .channel .endpoint .plugin .type .form .values>`; events `orbit-values` (values) at each change and
 * `orbit-submitted` ({form, answer}). `type` is the plugin's, and decides what the values are sent as (`shapes.ts`).
 * It draws fields and buttons; the frame and the title are its holder's.
 */

import { css, html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { property, state } from 'lit/decorators.js';

import { asOrbitError, type OrbitError } from '../../channel/errors.js';
import { newKey } from '../../channel/key.js';
import { define } from '../../define.js';
import { OrbitElement } from '../../element.js';
import { pluginOn } from '../../state/plugin.js';
import type { Unwatch } from '../../value.js';
import { base, buttons, inputs, theme } from '../../theme.js';
import type { UIField, UIForm } from '../../wire/types.js';
import { plainTitle } from '../../text/format.js';
import { fieldLook, fieldTemplate, saidBeside } from './field.js';
import { hintsFor, readLimits, suggestions, type Hint, type Limits } from './limits.js';
import { choicesOf, ownChoices, type Choice, type Choices } from './options.js';
import { columnsOf, filled, plain, problemsOf, sentOf, shownIn, withFilesAsText, type Held } from './values.js';
import { failed } from '../notice.js';
import { FieldProblem, routeOf, shapeOf, type Shape, type Values } from './shapes.js';

export interface Submitted {
  form: string;
  answer: unknown;
}

@define('orbit-form')
export class FormElement extends OrbitElement {
  static override styles = [
    theme,
    base,
    buttons,
    inputs,
    fieldLook,
    css`
      :host {
        container-type: inline-size;
      }
      form,
      .column {
        display: grid;
        gap: 10px;
        align-content: start;
        min-width: 0;
      }
      .columns {
        display: grid;
        gap: 10px 14px;
      }
      .grid2 {
        grid-template-columns: repeat(2, minmax(0, 1fr));
      }
      .grid3 {
        grid-template-columns: repeat(3, minmax(0, 1fr));
      }
      @container (max-width: 359px) {
        .grid2,
        .grid3 {
          grid-template-columns: minmax(0, 1fr);
        }
      }
      .notice {
        padding: 0;
      }
    `,
  ];

  @property() endpoint = '';
  @property() plugin = '';
  /** Of the plugin, whatever its instance is called. */
  @property() type = '';
  @property({ attribute: false }) form: UIForm = { id: '' };
  /** What fields begin with; those that aren't named keep what they have. */
  @property({ attribute: false }) values: Values = {};

  @state() private held: Held = {};
  @state() private busy = false;
  @state() private problems: ReadonlyMap<string, string> = new Map();
  /** What was answered: shown above the button unless it belongs to a field. */
  @state() private error: OrbitError | null = null;
  @state() private done = '';
  @state() private choices: ReadonlyMap<string, Choices> = new Map();
  /** Why the choices of a field can't be read. */
  @state() private unread: ReadonlyMap<string, string> = new Map();
  @state() private limits: Limits | null = null;

  /** What was sent and may have been done, with the key that makes a second try the same one. */
  private sent: { body: string; key: string } | null = null;
  /** Which form of which plugin it is now. */
  private whose = '';

  protected override sources(): unknown[] {
    // The description comes anew with each news of the endpoint, mostly the same.
    return [this.channel, this.endpoint, this.plugin, this.type, JSON.stringify(this.form)];
  }

  protected override start(): Unwatch[] {
    const whose = JSON.stringify([this.endpoint, this.plugin, this.form.id]);
    if (this.whose && this.whose !== whose) {
      this.clear();
    }
    this.whose = whose;
    void this.readChoices();
    void this.readLimits();
    let connected = this.channel.connection.value.kind === 'connected';
    return [
      this.channel.connection.watch(now => {
        if (now.kind === 'connected' && !connected) {
          void this.readChoices();
          void this.readLimits();
        }
        connected = now.kind === 'connected';
      }),
    ];
  }

  /** Forget what was typed for another plugin, and what that one said. */
  private clear(): void {
    [this.held, this.problems, this.choices, this.unread] = [{}, new Map(), new Map(), new Map()];
    [this.busy, this.error, this.done, this.limits, this.sent] = [false, null, '', null, null];
  }

  protected override willUpdate(changed: PropertyValues): void {
    super.willUpdate(changed);
    if (changed.has('values')) {
      this.held = filled(this.held, plain(this.now()), this.values, this.fields);
    }
  }

  override render(): TemplateResult {
    const columns = columnsOf(this.form);
    const submit = this.form.submit ?? {};
    const hints = this.asksForJob ? hintsFor(this.limits, this.now()) : NO_HINTS;
    const suggested = this.asksForJob ? suggestions(this.limits) : NO_CHOICES;
    const column = (fields: UIField[]) =>
      fields.map(field => this.field(field, hints.get(field.name), suggested.get(field.name)));
    return html`<form novalidate aria-busy=${this.busy} @submit=${this.pressed} @keydown=${this.typed}>
      ${
        columns.length === 1
          ? column(columns[0]!)
          : html`<div class="columns grid${columns.length}">
              ${columns.map(fields => html`<div class="column">${column(fields)}</div>`)}
            </div>`
      }
      ${this.error && !this.problems.size ? failed(this.error) : nothing}
      <div class="row wrap">
        <button type="submit" class=${submit.style ?? 'primary'} ?disabled=${this.busy}>
          ${plainTitle(submit.label) || 'Submit'}
        </button>
        ${
          this.mayForce
            ? html`<button type="button" ?disabled=${this.busy} @click=${() => this.submit(true)}>
                Submit anyway
              </button>`
            : nothing
        }
        <button type="button" @click=${this.copyCode}>Copy as code</button>
        <span class=${this.busy ? 'soft' : 'good'} role="status">${this.busy ? 'Sending …' : this.done}</span>
      </div>
    </form>`;
  }

  /** Send it. With `force` the server leaves out the check of limits. */
  async submit(force = false): Promise<void> {
    if (this.busy) {
      return;
    }
    const { whose, endpoint } = this;
    this.busy = true;
    this.done = '';
    this.error = null;
    this.problems = problemsOf(this.fields, this.now());
    try {
      if (this.problems.size === 0) {
        await this.send(force);
      }
    } catch (thrown) {
      if (whose === this.whose) {
        this.refused(thrown);
      } else {
        this.toast(`${endpoint}: ${asOrbitError(thrown).message}`, 'error');
      }
    }
    if (whose !== this.whose) {
      return; // it has become another plugin's form meanwhile
    }
    this.busy = false;
    if (this.problems.size) {
      await this.updateComplete;
      this.renderRoot.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
    }
  }

  private async send(force: boolean): Promise<void> {
    const { shape, whose, form, type } = this;
    const plugin = pluginOn(this.channel, this.endpoint, this.plugin); // now: to read files takes a while
    const body = await withFilesAsText({ ...shape.body(this.now()), ...(force && { force }) });
    // Nobody knows what became of a call whose answer was lost: the same again is the same submit, by its key.
    const text = JSON.stringify(body);
    if (this.sent?.body !== text) {
      this.sent = { body: text, key: newKey() };
    }
    const { key } = this.sent;
    const answer = await plugin.post<unknown>(routeOf(form), body, { key, resend: type === 'psij' });
    if (whose !== this.whose) {
      return;
    }
    this.sent = null;
    this.done = shape.done(answer);
    const detail: Submitted = { form: form.id, answer };
    this.dispatchEvent(new CustomEvent<Submitted>('orbit-submitted', { detail }));
  }

  /** Say what went wrong: beside its field where it has one. */
  private refused(thrown: unknown): void {
    if (thrown instanceof FieldProblem) {
      this.problems = new Map([[thrown.field, thrown.message]]);
      return;
    }
    const error = (this.error = asOrbitError(thrown));
    if (error.status >= 400 && error.status < 500 && !error.transient) {
      this.sent = null; // nothing has happened
    }
    const field = error.field && this.shape.field(error.field);
    if (this.fields.some(one => one.name === field && one.type !== 'hidden')) {
      this.problems = new Map([[field, saidBeside(error)]]);
    }
  }

  private get mayForce(): boolean {
    return this.shape.force && this.error?.status === 422 && 'limit' in this.error.data;
  }

  private field(field: UIField, hint: Hint | undefined, suggested: Choice[] | undefined): TemplateResult {
    const unread = this.unread.get(field.name);
    const why = unread === undefined ? undefined : { text: `The choices can’t be read: ${unread}`, bad: true };
    // Where nobody says what there is to choose from it can still be typed.
    return fieldTemplate(why ? { ...field, type: 'text' } : field, {
      value: this.shownIn(field),
      problem: this.problems.get(field.name) ?? '',
      hint: hint ?? why,
      choices: this.choicesIn(field),
      suggested,
      change: value => this.change(field.name, value),
    });
  }

  private change(name: string, value: unknown): void {
    this.held = { ...this.held, [name]: value };
    this.done = '';
    if (this.problems.has(name)) {
      this.problems = new Map([...this.problems].filter(([other]) => other !== name));
      this.error = null;
    }
    this.tell();
  }

  private tell(): void {
    const detail = plain(this.now());
    this.dispatchEvent(new CustomEvent<Values>('orbit-values', { detail }));
  }

  private get fields(): readonly UIField[] {
    return this.form.fields ?? [];
  }

  private get shape(): Shape {
    return shapeOf(this.type, this.form);
  }

  /** Whether queues and accounts have a say in it. */
  private get asksForJob(): boolean {
    return this.type === 'psij' && this.shape.force;
  }

  /** What would be sent now. */
  private now(): Values {
    const all = this.fields.map(field => [field.name, sentOf(field, this.shownIn(field))] as const);
    return Object.fromEntries(all.filter(([, value]) => value !== undefined));
  }

  private shownIn(field: UIField): unknown {
    return shownIn(field, this.held, this.unread.has(field.name) ? null : this.choicesIn(field));
  }

  private choicesIn(field: UIField): Choices | null {
    return field.options_endpoint ? (this.choices.get(field.name) ?? null) : ownChoices(field);
  }

  private async readChoices(): Promise<void> {
    const { whose } = this;
    const plugin = pluginOn(this.channel, this.endpoint, this.plugin);
    const read = this.fields.map(async field => {
      if (!field.options_endpoint) {
        return;
      }
      try {
        const choices = choicesOf(field, await plugin.get<unknown>(field.options_endpoint));
        if (whose !== this.whose) {
          return;
        }
        this.choices = new Map(this.choices).set(field.name, choices);
        this.unread = new Map([...this.unread].filter(([name]) => name !== field.name));
      } catch (error) {
        if (whose !== this.whose) {
          return;
        }
        this.unread = new Map(this.unread).set(field.name, asOrbitError(error).message);
      }
    });
    await Promise.all(read);
    if (this.choices.size && whose === this.whose) {
      this.tell(); // the first of them, or what the plugin would take, is chosen now
    }
  }

  private async readLimits(): Promise<void> {
    const { whose } = this;
    const limits = this.asksForJob ? await readLimits(this.channel, this.endpoint) : null;
    this.limits = whose === this.whose ? limits : this.limits;
  }

  private copyCode = (): void => {
    try {
      this.offerCode(this.shape.python({ endpoint: this.endpoint, plugin: this.plugin }, this.now()));
    } catch (error) {
      this.refused(error);
    }
  };

  private pressed = (event: SubmitEvent): void => {
    event.preventDefault();
    void this.submit();
  };

  private typed = (event: KeyboardEvent): void => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      void this.submit();
    }
  };
}

const NO_HINTS = new Map<string, Hint>();
const NO_CHOICES = new Map<string, Choice[]>();

interface FormEvents {
  'orbit-values': CustomEvent<Values>;
  'orbit-submitted': CustomEvent<Submitted>;
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-form': FormElement;
  }
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type
  interface HTMLElementEventMap extends FormEvents {}
}

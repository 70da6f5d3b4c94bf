/** The files of an endpoint: look, send, fetch. */

import { html, nothing, type TemplateResult } from 'lit';
import { property, query, state } from 'lit/decorators.js';

import { asOrbitError, type OrbitError } from '../channel/errors.js';
import { define } from '../define.js';
import { OrbitElement } from '../element.js';
import { dragged, droppedFiles, FILE_TYPE } from '../parts/files/dragged.js';
import { FileColumns } from '../parts/files/rows.js';
import { filesLook } from '../parts/files/look.js';
import { plural } from '../text/format.js';
import { crumbsOf, isHidden, joined, parentOf, shortened } from '../text/paths.js';
import '../parts/files/preview.js';
import { endpointPython, pluginPython, pythonText } from '../text/python.js';
import '../parts/rows/rows.js';
import type { Rows } from '../parts/rows/rows.js';
import '../parts/files/transfers.js';
import { away } from '../parts/notice.js';
import { whenBack } from '../state/back.js';
import { endpointsOf } from '../state/endpoints.js';
import { RemoteFiles } from '../state/remote-files.js';
import { transfersOf } from '../state/transfers.js';
import { wordsFor } from '../state/upload.js';
import type { Unwatch } from '../value.js';
import { base, buttons, inputs, theme } from '../theme.js';
import type { StagingEntry, StagingListing } from '../wire/types.js';

/** Where each was left, so that whoever comes back is there. */
const left = new Map<string, string>();
/** Milliseconds after a transfer's end until the folder is read again: several end together. */
const SOON = 300;

@define('orbit-files')
export class FilesView extends OrbitElement {
  static override styles = [theme, base, buttons, inputs, filesLook];

  @property() endpoint = '';
  @property() plugin = '';
  @state() private listing: StagingListing | null = null;
  @state() private error: OrbitError | null = null;
  @state() private loading = false;
  @state() private selected: ReadonlySet<string> = new Set();
  @state() private dotted = false;
  @state() private typing = false;
  @state() private naming = false;
  @state() private problem = '';
  @state() private looked: StagingEntry | null = null;
  @state() private over = false;
  @query('orbit-rows') private table!: Rows<StagingEntry> | null;
  @query('input[type=file]') private chooser!: HTMLInputElement;

  private wanted = '~';
  private home = '';
  private asked = 0;
  private rows: readonly StagingEntry[] = [];
  private rowsOf: unknown[] = [];
  private columns = new FileColumns({
    isDown: () => this.table?.sorting?.down ?? false,
    drag: (event, entry) => this.drag(event, entry),
    download: entry => void this.download([entry]),
  });

  /** The folder that is shown. */
  get folder(): string {
    return this.listing?.path ?? this.wanted;
  }

  /** Send files into the folder that is shown; hosts call it for what is dropped from elsewhere. */
  upload(files: readonly File[]): void {
    transfersOf(this.channel, this.endpoint, this.plugin).add(files, this.folder);
  }

  protected override sources(): unknown[] {
    return [this.channel, this.endpoint, this.plugin];
  }

  protected override start(): Unwatch[] {
    const mine = { endpoint: this.endpoint, plugin: this.plugin };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const soon = (data: Record<string, unknown>) => {
      const written = data['direction'] === 'put' && data['state'] === 'DONE';
      if (written && parentOf(String(data['path'])) === this.listing?.path) {
        clearTimeout(timer);
        timer = setTimeout(this.reload, SOON);
      }
    };
    this.listing = this.error = this.looked = null;
    this.home = '';
    void this.go(left.get(this.place) ?? '~');
    return [
      () => clearTimeout(timer),
      endpointsOf(this.channel).all.watch(() => this.requestUpdate()),
      this.channel.subscribe({ ...mine, topic: 'transfer' }, event => soon(event.data), this.reload),
      whenBack(this.channel, this.endpoint, this.reload),
    ];
  }

  override render(): TemplateResult {
    const rows = this.shownRows();
    return html`
      ${away(endpointsOf(this.channel).all.value.get(this.endpoint))}
      <section
        class="card ${this.over ? 'over' : ''}"
        aria-label="Files of ${this.endpoint}"
        @keydown=${this.pressed}
        @dragenter=${this.dragOver}
        @dragover=${this.dragOver}
        @dragleave=${this.dragLeave}
        @drop=${this.drop}
      >
        <header>${this.way()} ${this.tools()}</header>
        ${this.naming ? this.nameForm() : nothing} ${this.error ? this.refused(this.error) : nothing}
        ${
          this.listing
            ? html`<orbit-rows
                class=${this.loading ? 'old' : ''}
                label="Files"
                .channel=${this.channel}
                .columns=${this.columns.all}
                .rows=${rows}
                .key=${nameKey}
                .selected=${this.selected}
                .current=${this.looked?.name ?? ''}
                .empty=${this.nothing()}
                @orbit-select=${(event: CustomEvent<string[]>) => (this.selected = new Set(event.detail))}
                @orbit-activate=${(event: CustomEvent<string>) => this.enter(event.detail)}
              ></orbit-rows>`
            : this.error
              ? nothing
              : html`<p class="notice soft" role="status">Reading ${this.wanted} …</p>`
        }
        <footer>${this.below(rows)}</footer>
        ${this.over ? html`<p class="target">Drop files to send them to ${this.short(this.folder)}</p>` : nothing}
        <input type="file" multiple hidden aria-label="Files to upload" @change=${this.chosen} />
      </section>
      ${this.looked ? this.preview(this.looked) : nothing}
      <orbit-transfers
        .channel=${this.channel}
        .endpoint=${this.endpoint}
        .plugin=${this.plugin}
      ></orbit-transfers>
    `;
  }

  private way(): TemplateResult {
    if (this.typing) {
      return html`<form class="row grow" @submit=${this.typed}>
        <input
          name="path"
          aria-label="Path"
          spellcheck="false"
          autocomplete="off"
          .value=${this.short(this.folder)}
          @keydown=${(event: KeyboardEvent) => (event.key === 'Escape' ? (this.typing = false) : null)}
        />
        <button class="primary">Go</button>
      </form>`;
    }
    const crumbs = crumbsOf(this.folder, this.home);
    return html`<nav class="crumbs grow" aria-label="Path">
      ${crumbs.map(
        ({ name, path }, index) =>
          html`<button
              class="plain"
              aria-current=${index === crumbs.length - 1 ? 'location' : nothing}
              title=${path}
              @click=${() => this.go(path)}
            >
              ${name}</button
            >${index < crumbs.length - 1 && name !== '/' ? html`<span class="soft" aria-hidden="true">/</span>` : nothing}`,
      )}
      <button class="plain" aria-label="Type a path" title="Type a path" @click=${this.type}>✎</button>
    </nav>`;
  }

  private tools(): TemplateResult {
    return html`<span class="row wrap">
      <button title="Up (Backspace)" ?disabled=${parentOf(this.folder) === null} @click=${this.up}>↑ Up</button>
      <button @click=${this.reload}>Refresh</button>
      <button @click=${this.name}>New folder</button>
      <button class="primary" @click=${() => this.chooser.click()}>Upload</button>
    </span>`;
  }

  private nameForm(): TemplateResult {
    return html`<form class="name" @submit=${this.make}>
      <input
        name="name"
        aria-label="Name of the new folder"
        placeholder="Name of the new folder"
        aria-invalid=${this.problem ? 'true' : 'false'}
        autocomplete="off"
        @keydown=${(event: KeyboardEvent) => (event.key === 'Escape' ? (this.naming = false) : null)}
      />
      <button class="primary">Create</button>
      <button type="button" @click=${() => (this.naming = false)}>Cancel</button>
      ${this.problem ? html`<span class="bad small" role="alert">${this.problem}</span>` : nothing}
    </form>`;
  }

  private refused(error: OrbitError): TemplateResult {
    const above = parentOf(this.wanted);
    return html`<div class="notice" role="alert">
      <p>
        <strong class=${error.forbidden ? 'warn' : 'bad'}
          >${error.forbidden ? '⊘ No access.' : error.status === 404 ? '✕ Not found.' : '✕ It can’t be shown.'}</strong
        >
        ${wordsFor(error)}
      </p>
      <p class="row wrap">
        <button @click=${this.reload}>Try again</button>
        ${above ? html`<button @click=${() => this.go(above)}>Go up</button>` : nothing}
        <button @click=${() => this.go('~')}>Go home</button>
      </p>
    </div>`;
  }

  private nothing(): TemplateResult | string {
    const hidden = this.listing?.entries.length ?? 0;
    return hidden
      ? `Only ${plural(hidden, 'hidden name')} here.`
      : 'This folder is empty. Drop files here, or choose Upload.';
  }

  private below(rows: readonly StagingEntry[]): TemplateResult {
    const chosen = rows.filter(entry => this.selected.has(entry.name));
    const files = chosen.filter(entry => entry.type === 'file');
    return html`
      <span class="soft grow"
        >${chosen.length ? `${chosen.length.toLocaleString()} of ` : ''}${plural(rows.length, 'name')}${
          chosen.length ? ' selected' : ''
        }</span
      >
      ${
        chosen.length
          ? html`<button ?disabled=${!files.length} @click=${() => this.download(files)}>Download</button>
              <button @click=${() => this.copyPaths(chosen)}>Copy path</button>`
          : nothing
      }
      <button @click=${() => this.offerCode(this.code(chosen))}>Copy as code</button>
      <label class="row"
        ><input
          type="checkbox"
          .checked=${this.dotted}
          @change=${(event: Event) => (this.dotted = (event.target as HTMLInputElement).checked)}
        />Hidden files</label
      >
    `;
  }

  private preview(entry: StagingEntry): TemplateResult {
    return html`<orbit-preview
      .channel=${this.channel}
      .endpoint=${this.endpoint}
      .plugin=${this.plugin}
      .path=${joined(this.folder, entry.name)}
      .size=${entry.size}
    >
      <button @click=${() => this.download([entry])}>Download</button>
      <button @click=${() => this.copyPaths([entry])}>Copy path</button>
      <button class="plain" aria-label="Close the preview" @click=${() => (this.looked = null)}>✕</button>
    </orbit-preview>`;
  }

  private shownRows(): readonly StagingEntry[] {
    const depends = [this.listing, this.dotted];
    if (depends.some((value, index) => value !== this.rowsOf[index])) {
      const entries = this.listing?.entries ?? [];
      this.rowsOf = depends;
      this.rows = entries.filter(entry => this.dotted || !isHidden(entry.name)).sort(this.columns.byName);
    }
    return this.rows;
  }

  private async go(path: string, again = false): Promise<void> {
    const turn = ++this.asked;
    if (path !== this.listing?.path) {
      this.selected = new Set();
      this.looked = null;
    }
    if (!again) {
      this.typing = this.naming = false; // what is typed stays while the same folder is read again
    }
    this.wanted = path;
    this.loading = true;
    try {
      const listing = await this.files.list(path);
      if (turn === this.asked) {
        this.home = path === '~' ? listing.path : this.home || (homes.get(this.place) ?? '');
        homes.set(this.place, this.home);
        this.listing = listing;
        this.wanted = listing.path;
        this.error = null;
        left.set(this.place, listing.path);
      }
    } catch (thrown) {
      if (turn === this.asked) {
        this.error = asOrbitError(thrown);
        this.listing = path === this.listing?.path ? this.listing : null;
      }
    } finally {
      this.loading = turn !== this.asked && this.loading;
    }
  }

  private reload = (): void => void this.go(this.wanted, true);

  private up = (): void => {
    const above = parentOf(this.folder);
    if (above !== null) {
      void this.go(above);
    }
  };

  private enter(name: string): void {
    const entry = this.rows.find(one => one.name === name);
    if (entry?.type === 'dir') {
      void this.go(joined(this.folder, name));
    } else if (entry?.type === 'file') {
      this.looked = this.looked?.name === name ? null : entry;
    } else {
      this.toast(`${name} is neither a file nor a folder that can be read.`, 'warning');
    }
  }

  private pressed = (event: KeyboardEvent): void => {
    const at = event.composedPath()[0];
    if (event.key === 'Backspace' && !(at instanceof HTMLInputElement)) {
      event.preventDefault();
      this.up();
    }
  };

  private type = (): void => {
    this.typing = true;
    void this.focusOn('input[name=path]');
  };

  private name = (): void => {
    this.naming = true;
    this.problem = '';
    void this.focusOn('input[name=name]');
  };

  private async focusOn(selector: string): Promise<void> {
    await this.updateComplete;
    const field = this.renderRoot.querySelector<HTMLInputElement>(selector);
    field?.focus();
    field?.select();
  }

  private typed = (event: SubmitEvent): void => {
    event.preventDefault();
    const path = valueOf(event, 'path');
    if (path) {
      void this.go(path.startsWith('/') || path.startsWith('~') ? path : joined(this.folder, path));
    }
  };

  private make = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const name = valueOf(event, 'name').replace(/\/+$/, '');
    if (!name || this.listing?.entries.some(entry => entry.name === name)) {
      this.problem = name ? `${name} is there already.` : 'It needs a name.';
      return;
    }
    try {
      await this.files.makeFolder(joined(this.folder, name));
      this.naming = false;
      this.reload();
    } catch (thrown) {
      this.problem = wordsFor(asOrbitError(thrown));
    }
  };

  private chosen = (): void => {
    this.upload([...(this.chooser.files ?? [])]);
    this.chooser.value = '';
  };

  private async download(entries: readonly StagingEntry[]): Promise<void> {
    for (const entry of entries) {
      try {
        await this.files.download(joined(this.folder, entry.name), entry.size);
      } catch (thrown) {
        this.toast(`${entry.name}: ${wordsFor(asOrbitError(thrown))}`, 'error');
      }
    }
  }

  private copyPaths(entries: readonly StagingEntry[]): void {
    const text = entries.map(entry => joined(this.folder, entry.name)).join('\n');
    this.copy(text, entries.length === 1 ? 'The path was copied.' : 'The paths were copied.');
  }

  private code(entries: readonly StagingEntry[]): string {
    const staging = pluginPython(this.plugin);
    const lines = entries.map(({ name }) => {
      const path = pythonText(this.short(joined(this.folder, name)));
      return `${staging}.download(${path}, ${pythonText(name)})`;
    });
    const into = pythonText(`${this.short(this.folder)}/`.replace('//', '/'));
    return `${endpointPython(this.endpoint)}${(lines.length ? lines : [`${staging}.upload("input.csv", ${into})`]).join('\n')}\n`;
  }

  private drag(event: DragEvent, entry: StagingEntry): void {
    const chosen = this.rows.filter(one => one.type === 'file' && this.selected.has(one.name));
    const entries = chosen.includes(entry) ? chosen : [entry];
    dragged(event, this.files, this.folder, entries);
  }

  private dragOver = (event: DragEvent): void => {
    const types = event.dataTransfer?.types ?? [];
    if (types.length && !types.every(type => type.startsWith('text/'))) {
      event.preventDefault();
      this.over = true;
    }
  };

  private dragLeave = (event: DragEvent): void => {
    const to = event.relatedTarget;
    if (!(to instanceof Node) || !(event.currentTarget as HTMLElement).contains(to)) {
      this.over = false;
    }
  };

  private drop = (event: DragEvent): void => {
    event.preventDefault();
    this.over = false;
    const data = event.dataTransfer;
    if (!data) {
      return;
    }
    if (data.types.includes(FILE_TYPE)) {
      void droppedFiles(data).then(
        files => this.upload(files),
        (error: unknown) => this.toast(asOrbitError(error).message, 'error'),
      );
      return;
    }
    const folders = [...data.items].filter(item => item.webkitGetAsEntry?.()?.isDirectory);
    const names = new Set(folders.map(item => item.getAsFile()?.name));
    if (folders.length) {
      this.toast('Folders can’t be dropped here: hpc.staging.upload("folder", …) sends them.', 'warning');
    }
    this.upload([...data.files].filter(file => !names.has(file.name)));
  };

  private short(path: string): string {
    return shortened(path, this.home);
  }

  private get place(): string {
    return `${this.channel.bridge.value?.id ?? ''}/${this.endpoint}/${this.plugin}`;
  }

  private get files(): RemoteFiles {
    return new RemoteFiles(this.channel, this.endpoint, this.plugin);
  }
}

const homes = new Map<string, string>();

function nameKey(entry: StagingEntry): string {
  return entry.name;
}

function valueOf(event: SubmitEvent, field: string): string {
  const value = new FormData(event.target as HTMLFormElement).get(field);
  return typeof value === 'string' ? value.trim() : '';
}

declare global {
  interface HTMLElementTagNameMap {
    'orbit-files': FilesView;
  }
}

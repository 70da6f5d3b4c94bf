import { html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';

import { OrbitElement } from '../element.js';

@customElement('orbit-jobs')
export class JobsView extends OrbitElement {
  @property() endpoint = '';
  @property() plugin = '';

  override render(): TemplateResult {
    return html`jobs ${this.endpoint} ${this.plugin}`;
  }
}

import { html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';

import { OrbitElement } from '../element.js';

@customElement('orbit-job')
export class JobView extends OrbitElement {
  @property() endpoint = '';
  @property() plugin = '';
  @property() job = '';

  override render(): TemplateResult {
    return html`job ${this.endpoint} ${this.plugin}`;
  }
}

import { html, type TemplateResult } from 'lit';
import { customElement, property } from 'lit/decorators.js';

import { OrbitElement } from '../element.js';

@customElement('orbit-plugin-page')
export class PluginPageView extends OrbitElement {
  @property() endpoint = '';
  @property() plugin = '';

  override render(): TemplateResult {
    return html`plugin-page ${this.endpoint} ${this.plugin}`;
  }
}

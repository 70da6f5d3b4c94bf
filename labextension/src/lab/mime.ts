/** A view as a cell's output: live without a kernel, also in a notebook that was saved long ago. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker, type NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { Kernel } from '@jupyterlab/services';
import { PanelLayout, Widget } from '@lumino/widgets';

import type { LabView } from './lab-view.js';
import { ElementWidget, viewOf } from './tabs.js';
import { IOrbit } from './tokens.js';
import './lab-view.js';

const MIME = 'application/vnd.orbit.view+json';
const WIDGET = 'application/vnd.jupyter.widget-view+json';

/** Before the widgets' own renderer (-10), which has nothing to show for a widget whose kernel has gone. */
const RANK = -20;

/**
 * A cell of ours carries the view and the widget. While the kernel has the widget it is shown, since Python reads
 * and sets its traits; otherwise the view alone.
 */
class Output extends Widget implements IRenderMime.IRenderer {
  private model: IRenderMime.IMimeModel | null = null;
  private asked = false;

  constructor(
    private orbit: IOrbit,
    private notebooks: INotebookTracker | null,
  ) {
    super();
    this.layout = new PanelLayout();
  }

  async renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    this.model = model;
    const id = widgetOf(model);
    const notebook = id && this.notebooks?.find(one => Boolean(kernelOf(one)?.hasComm(id)));
    if (notebook) {
      await this.showWidget(model, notebook);
    } else {
      this.put(this.view(model));
    }
  }

  /** After a reload the kernel may have the widget, although this page doesn't know it yet. */
  protected override onAfterAttach(): void {
    const id = this.model && widgetOf(this.model);
    const notebook = this.notebooks?.find(one => one.content.node.contains(this.node));
    if (id && notebook && !this.asked) {
      this.asked = true;
      void this.look(id, notebook);
    }
  }

  private async look(id: string, notebook: NotebookPanel): Promise<void> {
    await notebook.sessionContext.ready;
    const answer = await kernelOf(notebook)?.requestCommInfo({ target_name: 'jupyter.widget' });
    const known = answer?.content.status === 'ok' && id in answer.content.comms;
    if (known && this.model && !this.isDisposed && !kernelOf(notebook)?.isDisposed) {
      await this.showWidget(this.model, notebook);
    }
  }

  private async showWidget(model: IRenderMime.IMimeModel, notebook: NotebookPanel): Promise<void> {
    const renderer = notebook.content.rendermime.createRenderer(WIDGET);
    this.asked = true;
    this.put(renderer);
    await renderer.renderModel(model);
  }

  private view(model: IRenderMime.IMimeModel): Widget {
    const view = viewOf(model.data[MIME]);
    if (!view) {
      const wrong = new Widget();
      wrong.node.textContent = 'This view can’t be shown: a newer Orbit has made it.';
      return wrong;
    }
    const element = document.createElement('orbit-lab-view') as LabView;
    element.orbit = this.orbit;
    element.view = view;
    element.setAttribute('in', 'output');
    return new ElementWidget(element);
  }

  private put(widget: Widget): void {
    const panel = this.layout as PanelLayout;
    [...panel.widgets].forEach(one => one.dispose());
    panel.addWidget(widget);
  }
}

/** Id of the widget that an output has beside the view, where the reader trusts the notebook. */
function widgetOf(model: IRenderMime.IMimeModel): string {
  const id = (model.data[WIDGET] as { model_id?: unknown } | undefined)?.model_id;
  return typeof id === 'string' && model.trusted ? id : '';
}

function kernelOf(notebook: NotebookPanel): Kernel.IKernelConnection | null | undefined {
  return notebook.sessionContext.session?.kernel;
}

export const mime: JupyterFrontEndPlugin<void> = {
  id: 'orbit-jupyter-lab:mime',
  description: 'Shows Orbit’s views as outputs of cells.',
  autoStart: true,
  requires: [IOrbit, IRenderMimeRegistry],
  optional: [INotebookTracker],
  activate: (
    _app: JupyterFrontEnd,
    orbit: IOrbit,
    registry: IRenderMimeRegistry,
    notebooks: INotebookTracker | null,
  ) => {
    // Safe: it describes a view and is read as that; what a view shows comes from the reader's own bridge.
    registry.addFactory(
      { safe: true, mimeTypes: [MIME], createRenderer: () => new Output(orbit, notebooks) },
      RANK,
    );
  },
};

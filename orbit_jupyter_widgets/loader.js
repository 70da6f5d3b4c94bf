/**
 * Finds Orbit's renderer for a widget and has it draw: the one that is on the page already, else that of the Jupyter
 * server that the page came from, else the kernel's own, which comes through the comm.
 *
 * anywidget sends this text with every widget, so it holds no more than that.
 */

const UI = Symbol.for("orbit-jupyter.ui");

function find(model) {
  // One promise for the page: elements can be defined once.
  globalThis[UI] ??= fromServer()
    .catch(() => fromKernel(model))
    .catch((error) => {
      delete globalThis[UI]; // the next widget tries again
      throw error;
    });
  return Promise.resolve(globalThis[UI]);
}

async function fromServer() {
  const config = JSON.parse(
    document.getElementById("jupyter-config-data")?.textContent ?? "{}",
  );
  if (!config.baseUrl) {
    throw new Error("this page comes from no Jupyter server");
  }
  const { origin } = globalThis.location;
  const url = new URL(
    "orbit/static/orbit-ui.js",
    new URL(config.baseUrl, origin),
  );
  if (url.origin !== origin) {
    throw new Error("this page comes from another server");
  }
  return import(url.href);
}

async function fromKernel(model) {
  const files = await textsOf(model);
  const urls = new Map();
  const urlOf = (name) => {
    if (!urls.has(name)) {
      // An import() may lead in a circle: its address is made when it is called.
      const text = files
        .get(name)
        .replace(
          /import\("\.\/(orbit-[\w-]+\.js)"\)/g,
          'import(globalThis[Symbol.for("orbit-jupyter.url")]("$1"))',
        )
        .replace(/"\.\/(orbit-[\w-]+\.js)"/g, (_, other) =>
          JSON.stringify(urlOf(other)),
        );
      urls.set(
        name,
        URL.createObjectURL(new Blob([text], { type: "text/javascript" })),
      );
    }
    return urls.get(name);
  };
  globalThis[Symbol.for("orbit-jupyter.url")] = urlOf;
  return import(urlOf("orbit-ui.js"));
}

function textsOf(model) {
  return new Promise((resolve, reject) => {
    const page = crypto.getRandomValues(new Uint32Array(4)).join("-");
    const pieces = new Map();
    const end = (act) => {
      clearTimeout(timer);
      model.off("msg:custom", take);
      act();
    };
    const timer = setTimeout(() => {
      end(() =>
        reject(
          new Error("the kernel doesn’t send Orbit’s renderer; it may be busy"),
        ),
      );
    }, 60_000);
    const take = (content, buffers) => {
      if (content.orbit !== "file" || content.page !== page) {
        return;
      }
      if (content.error) {
        end(() => reject(new Error(content.error)));
        return;
      }
      pieces.set(content.name, [
        ...(pieces.get(content.name) ?? []),
        ...buffers,
      ]);
      if (content.last) {
        const texts = [...pieces].map(async ([name, parts]) => [
          name,
          await new Blob(parts).text(),
        ]);
        end(() => resolve(Promise.all(texts).then((all) => new Map(all))));
      }
    };
    model.on("msg:custom", take);
    model.send({ orbit: "files", page });
  });
}

export default {
  render({ model, el }) {
    let end = null;
    let over = false;
    el.textContent = "Orbit …";
    find(model).then(
      (ui) => {
        if (!over) {
          el.textContent = "";
          end = ui.renderCell({ model, el });
        }
      },
      (error) => {
        el.textContent = `Orbit’s view can’t be shown here: ${error.message}`;
      },
    );
    return () => {
      over = true;
      end?.();
    };
  },
};

// Turns a digit, and shows what P4CNN and Z2CNN make of it.
"use strict";

(() => {
  const SIZE = 28;
  const HERE = document.currentScript.src.replace(/[^/]*$/, "");
  const PLANES = ["e", "r", "r²", "r³"];
  const COLOURS = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]];
  const find = (id) => document.getElementById(`pg-${id}`);

  const image = new Float32Array(SIZE * SIZE); // the digit, upright
  const networks = {};
  let channel = 0;
  let isBusy = false;
  let isStale = false;

  // The bilinear interpolation of the image, turned counter-clockwise about its middle.
  function turned(degrees) {
    const [cos, sin] = [Math.cos, Math.sin].map((f) => f((degrees * Math.PI) / 180));
    const middle = (SIZE - 1) / 2;
    const result = new Float32Array(SIZE * SIZE);
    const value = (row, column) =>
      row < 0 || column < 0 || row >= SIZE || column >= SIZE ? 0 : image[row * SIZE + column];
    for (let i = 0; i < SIZE; i++) {
      for (let j = 0; j < SIZE; j++) {
        const [x, y] = [j - middle, middle - i];
        // Rounded, so that a quarter turn takes pixels to pixels.
        const row = Math.round((middle - (cos * y - sin * x)) * 1e6) / 1e6;
        const column = Math.round((cos * x + sin * y + middle) * 1e6) / 1e6;
        const [top, left] = [Math.floor(row), Math.floor(column)];
        const [down, right] = [row - top, column - left];
        result[i * SIZE + j] =
          (1 - down) * ((1 - right) * value(top, left) + right * value(top, left + 1)) +
          down * ((1 - right) * value(top + 1, left) + right * value(top + 1, left + 1));
      }
    }
    return result;
  }

  function colour(share) {
    const place = Math.min(share, 0.9999) * (COLOURS.length - 1);
    const [from, to] = [COLOURS[Math.floor(place)], COLOURS[Math.floor(place) + 1]];
    return from.map((x, k) => x + (to[k] - x) * (place % 1));
  }

  function draw(canvas, values, size, paint) {
    canvas.width = canvas.height = size;
    const pixels = new ImageData(size, size);
    values.forEach((value, k) => pixels.data.set([...paint(value), 255], 4 * k));
    canvas.getContext("2d").putImageData(pixels, 0, 0);
  }

  const isEmpty = () => image.every((value) => value === 0);
  const grey = (value) => [255 * value, 255 * value, 255 * value];

  function makeFigure(caption) {
    const figure = document.createElement("figure");
    figure.append(document.createElement("canvas"), document.createElement("figcaption"));
    figure.lastChild.textContent = caption;
    return figure;
  }

  function showMaps(tensor) {
    const [, size, , planes, channels] = tensor.dims;
    const values = (plane) =>
      Array.from({ length: size * size }, (_, k) => tensor.data[(k * planes + plane) * channels + channel]);
    const maps = PLANES.map((_, plane) => values(plane));
    maps.push(maps[0].map((_, k) => Math.max(...maps.map((map) => map[k]))));
    const largest = Math.max(...maps[planes], 1e-6);
    maps.forEach((map, k) =>
      draw(find("maps").children[k].firstChild, map, size, (value) =>
        colour(isEmpty() ? 0 : Math.max(value, 0) / largest)));
  }

  function showPrediction(name, title, logits) {
    const weights = logits.map((x) => Math.exp(x - Math.max(...logits)));
    const total = weights.reduce((a, b) => a + b);
    const best = logits.indexOf(Math.max(...logits));
    const box = find("predictions").querySelector(`[data-network="${name}"]`);
    box.dataset.prediction = best;
    box.dataset.logits = JSON.stringify(logits);
    box.querySelector("strong").textContent = isEmpty() ? `${title}: draw a digit` : `${title}: ${best}`;
    box.querySelectorAll(".pg-bar").forEach((bar, k) => {
      const share = isEmpty() ? 0 : weights[k] / total;
      bar.classList.toggle("pg-best", k === best && !isEmpty());
      bar.children[1].style.width = `${60 * share}%`;
      bar.children[2].textContent = `${(100 * share).toFixed(1)} %`;
    });
  }

  function makePrediction(name) {
    const box = document.createElement("div");
    box.dataset.network = name;
    box.append(document.createElement("strong"));
    for (let k = 0; k < 10; k++) {
      const bar = document.createElement("div");
      bar.className = "pg-bar";
      bar.innerHTML = `<span>${k}</span><i></i><span></span>`;
      box.append(bar);
    }
    find("predictions").append(box);
  }

  // The newest input is shown; those that came while the networks were at work are left out.
  async function update() {
    const degrees = Number(find("angle").value);
    find("degrees").textContent = `${degrees}°`;
    draw(find("drawn"), image, SIZE, grey);
    const seen = turned(degrees);
    draw(find("turned"), seen, SIZE, grey);
    if (isBusy || !networks.z2cnn) {
      isStale = true;
      return;
    }
    isBusy = true;
    isStale = false;
    for (const [name, title] of [["p4cnn", "P4CNN"], ["z2cnn", "Z2CNN"]]) {
      const network = networks[name];
      const input = new ort.Tensor("float32", seen, [1, SIZE, SIZE, 1]);
      const outputs = await network.run({ [network.inputNames[0]]: input });
      const all = network.outputNames.map((output) => outputs[output]);
      if (name === "p4cnn") showMaps(all[0]);
      showPrediction(name, title, Array.from(all[all.length - 1].data));
    }
    isBusy = false;
    find("state").dataset.degrees = degrees;
    if (isStale) update();
  }

  function pick(button, pixels) {
    find("digits").querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", other === button));
    image.set(pixels.map((x) => x / 255));
    update();
  }

  function makeDigits(digits) {
    digits.forEach((pixels, label) => {
      const button = document.createElement("button");
      button.type = "button";
      button.setAttribute("aria-label", `digit ${label}`);
      button.append(document.createElement("canvas"));
      draw(button.firstChild, pixels, SIZE, (x) => grey(x / 255));
      button.onclick = () => pick(button, pixels);
      find("digits").append(button);
    });
  }

  function paintAt(event) {
    const box = find("drawn").getBoundingClientRect();
    const column = ((event.clientX - box.left) / box.width) * SIZE - 0.5;
    const row = ((event.clientY - box.top) / box.height) * SIZE - 0.5;
    for (let i = 0; i < SIZE; i++) {
      for (let j = 0; j < SIZE; j++) {
        const ink = Math.min(1, Math.max(0, 2.1 - Math.hypot(i - row, j - column)));
        image[i * SIZE + j] = Math.max(image[i * SIZE + j], ink);
      }
    }
    update();
  }

  async function start() {
    PLANES.forEach((name) => find("maps").append(makeFigure(`plane ${name}`)));
    find("maps").append(makeFigure("largest of the four"));
    ["p4cnn", "z2cnn"].forEach(makePrediction);
    find("angle").oninput = update;
    find("quarter").onclick = () => {
      find("angle").value = (Number(find("angle").value) + 90) % 360;
      update();
    };
    find("clear").onclick = () => {
      image.fill(0);
      update();
    };
    find("drawn").onpointerdown = (event) => {
      find("drawn").setPointerCapture(event.pointerId);
      paintAt(event);
    };
    find("drawn").onpointermove = (event) => event.buttons && paintAt(event);

    ort.env.wasm.wasmPaths = HERE;
    ort.env.wasm.numThreads = 1;
    const known = await (await fetch(`${HERE}digits.json`)).json();
    channel = known.channel;
    makeDigits(known.digits);
    for (const name of ["p4cnn", "z2cnn"]) {
      networks[name] = await ort.InferenceSession.create(`${HERE}${name}.onnx`);
    }
    find("state").textContent = "";
    find("digits").children[4].click();
  }

  start().catch((error) => {
    find("state").textContent =
      `The networks did not load: ${error.message}. The page must be opened from a server, such as ` +
      "that of `python -m http.server`, and not from a file.";
  });
})();

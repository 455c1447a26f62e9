// The loop of @vladmandic/face-api on its WASM backend; started by benchmarks/speed/compare.py.
//
// node peer_face_api.mjs FOLDER, where `npm install @vladmandic/face-api @tensorflow/tfjs
// @tensorflow/tfjs-backend-wasm sharp` was called. Reads a JSON list of paths from each line of
// its input and answers with the boxes of each photo. Photos are decoded by sharp.

import { createRequire } from "node:module";
import path from "node:path";
import readline from "node:readline";

const folder = path.resolve(process.argv[2]);
const require = createRequire(path.join(folder, "package.json"));
const sharp = require("sharp");
const tf = require("@tensorflow/tfjs");
const wasm = require("@tensorflow/tfjs-backend-wasm");
const faceapi = require("@vladmandic/face-api/dist/face-api.node-wasm.js");

wasm.setWasmPaths(path.join(folder, "node_modules/@tensorflow/tfjs-backend-wasm/dist/"));
await tf.setBackend("wasm");
await tf.ready();
const models = path.join(folder, "node_modules/@vladmandic/face-api/model");
await faceapi.nets.ssdMobilenetv1.loadFromDisk(models);
await faceapi.nets.faceLandmark68Net.loadFromDisk(models);
await faceapi.nets.faceRecognitionNet.loadFromDisk(models);

async function boxesOf(file) {
  const { data, info } = await sharp(file)
    .removeAlpha()
    .toColourspace("srgb")
    .raw()
    .toBuffer({ resolveWithObject: true });
  const image = tf.tensor3d(data, [info.height, info.width, info.channels], "int32");
  const options = new faceapi.SsdMobilenetv1Options({ minConfidence: 0.5, maxResults: 100 });
  const faces = await faceapi
    .detectAllFaces(image, options)
    .withFaceLandmarks()
    .withFaceDescriptors();
  image.dispose();
  return faces.map(({ detection: { box } }) => [box.x, box.y, box.width, box.height]);
}

console.log("ready");
for await (const line of readline.createInterface({ input: process.stdin })) {
  const answer = [];
  for (const file of JSON.parse(line)) answer.push(await boxesOf(file));
  console.log(JSON.stringify(answer));
}

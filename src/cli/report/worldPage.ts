// eval.html of the generated world: scores, a gallery of what was drawn, and sounds to listen to, all in one file.
import type { KindScore, WorldSample, WorldScores } from '../../evals/index.ts'
import { encodePng, encodeWav, type Picture, type Sound } from '../../media/index.ts'
import { percent } from '../format.ts'
import { type Html, html } from './html.ts'
import { renderPage } from './page.ts'

/** Pictures and sounds shown of each task. */
const shown = 60

const style = `
body {
  font:
    15px/1.5 system-ui,
    sans-serif;
  max-width: 70rem;
  margin: 2rem auto;
  padding: 0 1rem;
}
table {
  border-collapse: collapse;
}
td,
th {
  padding: 0.15rem 1rem 0.15rem 0;
  text-align: left;
}
.sheet {
  display: flex;
  flex-wrap: wrap;
  gap: 0.8rem;
}
figure {
  margin: 0;
  width: 9rem;
  font-size: 0.8rem;
}
figure img {
  width: 4.2rem;
  image-rendering: pixelated;
}
.wrong figcaption {
  color: #c33;
}
audio {
  width: 15rem;
}
`

/** The page as text; pictures are PNG and sounds WAV, inlined. */
export async function worldPage(name: string, { kinds, samples, mistakes }: WorldScores): Promise<string> {
  const pictures = samples.filter(({ picture }) => picture !== undefined)
  const figures = (task: string) =>
    Promise.all(
      pictures
        .filter((sample) => sample.task === task)
        .slice(0, shown)
        .map(pictureFigure),
    )
  const [drawn, edited] = [await figures('draw'), await figures('edit')]
  const sounds = samples.filter(({ sound }) => sound !== undefined).map(soundFigure)
  return renderPage({
    title: `${name} · what it has learnt · Pollux`,
    styles: [style],
    media: true,
    body: html`<h1>${name}</h1>
      <p>Held-out items of the generated world: contents that training never had.</p>
      <table>
        <tr>
          <th>task</th>
          <th>kind</th>
          <th>right</th>
          <th></th>
        </tr>
        ${kinds.map(scoreRow)}
      </table>
      <h2>Drawn</h2>
      <div class="sheet">${drawn}</div>
      <h2>Edited</h2>
      <div class="sheet">${edited}</div>
      <h2>Played and said</h2>
      <div class="sheet">${sounds}</div>
      <h2>Wrong answers in text</h2>
      <table>
        <tr>
          <th>task</th>
          <th>question</th>
          <th>answer</th>
          <th>right would be</th>
        </tr>
        ${mistakes.slice(0, 100).map(
          ({ task, question, answer, expected }) =>
            html`<tr>
              <td>${task}</td>
              <td>${question}</td>
              <td>${answer}</td>
              <td>${expected}</td>
            </tr>`,
        )}
      </table>`,
  })
}

function scoreRow({ task, kind, right, asked }: KindScore): Html {
  return html`<tr>
    <td>${task}</td>
    <td>${kind}</td>
    <td>${percent(right / asked)}</td>
    <td>${right} of ${asked}</td>
  </tr>`
}

async function pictureFigure({ question, input, picture, right, why }: WorldSample): Promise<Html> {
  const images = [input, picture].filter((each) => each !== undefined)
  const shownImages = await Promise.all(images.map(async (each) => image(each)))
  return html`<figure class="${right ? 'right' : 'wrong'}">
    ${shownImages}
    <figcaption>${question}${right ? '' : ` (${why})`}</figcaption>
  </figure>`
}

async function image(picture: Picture): Promise<Html> {
  return html`<img alt="" src="data:image/png;base64,${base64(await encodePng(picture))}" />`
}

function soundFigure({ question, sound, right, why }: WorldSample): Html {
  const source = `data:audio/wav;base64,${base64(encodeWav(sound as Sound))}`
  return html`<figure class="${right ? 'right' : 'wrong'}" style="width:16rem">
    <audio controls src="${source}"></audio>
    <figcaption>${question}${right ? '' : ` (heard: ${why})`}</figcaption>
  </figure>`
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

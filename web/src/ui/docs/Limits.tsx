/** What this does not do, said before somebody finds out. */
import { Link } from '../router/Link.tsx'

export function Limits() {
  return (
    <section className="stack" aria-labelledby="limits">
      <h2 id="limits" tabIndex={-1}>
        Limits
      </h2>
      <ul className="limits">
        <li>
          <strong>Not private.</strong> The tabs with the first and the last layers can read the text; the others see
          activations, from which text can be recovered in part. The orchestrator sees the prompt and the answer, never
          an activation. With <code>{'"computepool": {"trusted": true}'}</code> in its body a request is taken only
          where the first and the last layers are held by staked operators of good standing.{' '}
          <Link to="/trust">What each seat can see</Link>
        </li>
        <li>
          <strong>Checked by sampling, after the answer.</strong> A tab proves once, when it joins, that it computes
          rightly. Afterwards some answers’ layers are computed again elsewhere, where the pool has somebody to do it: a
          cheat is convicted then, and what it said has been read. <Link to="/trust#checks">What is checked</Link>
        </li>
        <li>
          <strong>A vanished tab interrupts the answers in work.</strong> They go on as soon as others hold its layers;
          where nobody does in time, they fail with <code>swarm_coalition_lost</code>.
        </li>
        <li>
          <strong>As fast as the slowest seat.</strong> Every token visits every tab once; each hop adds its link’s
          delay.
        </li>
        <li>
          <strong>Text only.</strong> Chat completions and completions. No tools, images, audio or embeddings.
        </li>
        <li>
          <strong>The meter is the orchestrator’s word.</strong> Where work is paid for, it counts the milliseconds. The
          chain bounds it by the session’s cap, the price and the seconds that streamed; within these bounds nothing
          checks it but the receipt.
        </li>
      </ul>
    </section>
  )
}

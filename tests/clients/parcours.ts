// What an app does in a day, with the generated client alone, against the server at RELAIS_URL. Ends with 0, or says why.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { AuthApi, Configuration, MoiApi, ReferentielApi, ResponseError, SignalementsApi, PhotosApi } from "relais-client";
import type { SignalementIn } from "relais-client";

import { File, content_digest, probleme, uuid7 } from "./file.js";
import type { Session } from "./file.js";

const url = process.env["RELAIS_URL"] ?? "";
const disque = process.env["RELAIS_FILE"] ?? "";
const image = readFileSync(process.env["RELAIS_PHOTO"] ?? "");
const qui = "relais@demo.test";

const publique = new Configuration({ basePath: url });

function formulaire(description: string): SignalementIn {
  return {
    theme: "proprete.depot_sauvage",
    description,
    constate_le: new Date(),
    position: { lon: 0.41237, lat: 48.10562, precision_m: 8, origine: "gps" },
  };
}

async function se_connecter(): Promise<Session> {
  const auth = new AuthApi(publique);
  const { defi } = await auth.demanderCode({ CodeDemandeIn: { identifiant: qui } });
  let tenu = await auth.obtenirJeton({ JetonIn: { grant_type: "code", defi, code: await lire_code() } });
  const session: Session = {
    jeton: tenu.access_token,
    async renouveler() {
      const { refresh_token } = tenu;
      tenu = await auth.obtenirJeton({ JetonIn: { grant_type: "refresh_token", refresh_token } });
      session.jeton = tenu.access_token;
      return "FAIT";
    },
  };
  return session;
}

/** From the demonstration's letter-box, as a person would from theirs. */
async function lire_code(): Promise<string> {
  for (let essai = 0; essai < 150; essai += 1) {
    const page = await (await fetch(`${url}/demo/courriels`)).text();
    const code = /votre code : (\d{6})/.exec(page)?.[1];
    if (code) return code;
    await new Promise((done) => setTimeout(done, 200));
  }
  throw new Error("no code came in thirty seconds");
}

async function lire_le_formulaire(): Promise<void> {
  const referentiel = new ReferentielApi(publique);
  const lu = await referentiel.lireMetaRaw({});
  const meta = await lu.value();
  assert.ok(meta.themes.some((theme) => theme.code === "proprete.depot_sauvage"));
  assert.ok(meta.limites.photos_max >= 1);
  const etag = lu.raw.headers.get("etag") ?? "";
  const rien_de_neuf = await referentiel.lireMeta({}, { headers: { "If-None-Match": etag } }).catch((raison: unknown) => raison);
  assert.ok(rien_de_neuf instanceof ResponseError && rien_de_neuf.response.status === 304);
}

async function envoyer_et_relire(configuration: Configuration): Promise<void> {
  const signalements = new SignalementsApi(configuration);
  const [id, photo] = [uuid7(), uuid7()];
  const sha256 = Buffer.from(content_digest(image).slice(9, -1), "base64").toString("hex");
  const corps = { ...formulaire("un par un"), photos: [{ id: photo, octets: image.length, sha256 }] };
  const recu = await signalements.envoyerSignalementRaw({ id, SignalementIn: corps });
  assert.equal(recu.raw.status, 201);
  assert.deepEqual((await recu.value()).photos_manquantes, [photo]);
  const encore = await signalements.envoyerSignalementRaw({ id, SignalementIn: corps });
  assert.equal(encore.raw.status, 200);
  const photos = new PhotosApi(configuration);
  const body = new Blob([image]);
  await photos.envoyerPhoto({ id, photo_id: photo, content_digest: content_digest(image), body });
  const lu = await signalements.lireSignalement({ id });
  assert.deepEqual(lu.photos_manquantes, []);
  assert.ok(lu.delais.every((delai) => delai.echeance instanceof Date));
  assert.equal(lu.responsable?.code, "habitat-lisse");
}

async function deposer_d_un_coup(configuration: Configuration): Promise<void> {
  const signalements = new SignalementsApi(configuration);
  const demande = {
    idempotency_key: uuid7(),
    signalement: formulaire("d'un coup"),
    photo: [new Blob([image], { type: "image/jpeg" })],
  };
  const premier = await signalements.deposerSignalement(demande);
  const second = await signalements.deposerSignalement(demande);
  assert.equal(premier.photos.length, 1);
  assert.deepEqual(second, premier);
}

async function essuyer_un_refus(configuration: Configuration): Promise<void> {
  const signalements = new SignalementsApi(configuration);
  const corps = { ...formulaire("refusé"), theme: "proprete.depot" };
  const raison = await signalements.envoyerSignalement({ id: uuid7(), SignalementIn: corps }).catch((one: unknown) => one);
  const refus = (await probleme(raison))?.dit;
  assert.equal(refus?.code, "theme_inconnu");
  assert.equal(refus.retryable, false);
  assert.equal(refus.errors?.[0]?.pointer, "/theme");
}

/** What a train does to a phone: each of the first requests meets one of these, and only the last is an answer. */
function mauvais_reseau(): typeof fetch {
  const pannes = [
    () => Promise.reject(new TypeError("no network")),
    async (...demande: Parameters<typeof fetch>) => {
      await fetch(...demande);
      throw new TypeError("answer lost");
    },
    () => Promise.resolve(new Response("<html>Bienvenue sur le Wi-Fi</html>", { headers: { "Content-Type": "text/html" } })),
    () => Promise.resolve(new Response("Bad gateway", { status: 502 })),
  ];
  let rang = 0;
  return (...demande) => {
    const panne = rang < 16 ? pannes[rang % pannes.length] : undefined;
    rang += 1;
    return (panne ?? fetch)(...demande);
  };
}

async function vider_la_file(session: Session): Promise<string[]> {
  session.jeton = "perime";
  const reseau = { basePath: url, fetchApi: mauvais_reseau() };
  const avant = new File(disque, session, reseau, 5);
  const bons = [1, 2, 3, 4].map((rang) => avant.deposer(formulaire(`file ${rang}`), [image, image]));
  const mauvais = avant.deposer({ ...formulaire("dans la Manche"), position: { lon: -1, lat: 50 } }, []);
  const file = new File(disque, session, reseau, 5); // the app was killed before anything left
  await file.vider();
  const par_id = new Map(file.fiches.map((fiche) => [fiche.id, fiche]));
  for (const { id } of bons) {
    assert.equal(par_id.get(id)?.etape, "ENVOYEE");
    assert.deepEqual(par_id.get(id)?.abandonnees, []);
  }
  assert.equal(par_id.get(mauvais.id)?.etape, "A_CORRIGER");
  assert.equal(par_id.get(mauvais.id)?.refus[0]?.errors?.[0]?.pointer, "/position");
  return bons.map((fiche) => fiche.id);
}

/** Copies the feed until it holds `combien` tickets: what somebody still writes comes at a later round, as in any app. */
async function synchroniser(configuration: Configuration, combien: number): Promise<Set<string>> {
  const signalements = new SignalementsApi(configuration);
  const copie = new Map<string, unknown>();
  let depuis: string | undefined;
  for (const fin = Date.now() + 30_000; copie.size < combien && Date.now() < fin; ) {
    const page = await signalements.lireChangements({ ...(depuis === undefined ? {} : { depuis }), limite: 3 });
    for (const un of page.elements) {
      if (un.disparu) copie.delete(un.id);
      else copie.set(un.id, un.signalement);
    }
    depuis = page.curseur_suivant;
    if (!page.encore) await new Promise((done) => setTimeout(done, 200));
  }
  return new Set(copie.keys());
}

async function parcours(): Promise<void> {
  await lire_le_formulaire();
  const session = await se_connecter();
  const configuration = new Configuration({ basePath: url, accessToken: () => session.jeton });
  const moi = await new MoiApi(configuration).lireMoi();
  assert.deepEqual([moi.identifiant, moi.signale], [qui, true]);
  await envoyer_et_relire(configuration);
  await deposer_d_un_coup(configuration);
  await essuyer_un_refus(configuration);
  const envoyes = await vider_la_file(session);
  const page = await new SignalementsApi(configuration).listerSignalements({ limite: 200 });
  const descriptions = page.elements.map((un) => un.description).sort();
  assert.deepEqual(descriptions, ["d'un coup", "file 1", "file 2", "file 3", "file 4", "un par un"]);
  assert.ok(page.elements.every((un) => un.photos_manquantes.length === 0));
  const copie = await synchroniser(configuration, page.elements.length);
  assert.deepEqual([...copie].sort(), page.elements.map((un) => un.id).sort());
  assert.ok(envoyes.every((id) => copie.has(id)));
}

await parcours();

// The offline queue of docs/application-mobile.md over the generated client: same steps, same names.

import { createHash, randomBytes } from "node:crypto";
import { readFileSync, renameSync, writeFileSync } from "node:fs";

import { Configuration, PhotosApi, ProblemFromJSON, ResponseError, SignalementsApi } from "relais-client";
import type { PhotosOut, Problem, SignalementIn } from "relais-client";

type Etape = "SIGNALEMENT" | "PHOTOS" | "ENVOYEE" | "A_CORRIGER";

export interface Fiche {
  id: string;
  corps: SignalementIn;
  /** Base64: a phone would keep files beside. */
  octets: Record<string, string>;
  etape: Etape;
  attendues: string[];
  abandonnees: string[];
  refus: Problem[];
  essais: number;
  pas_avant: number;
}

type Suite =
  | { sort: "RECU"; dit: PhotosOut }
  | { sort: "ATTENDRE"; dit: number }
  | { sort: "ARRETER"; dit: Problem }
  | { sort: "REFUSE"; dit: Problem };

export interface Session {
  jeton: string;
  renouveler(): Promise<"FAIT" | "TERMINE" | "ATTENDRE">;
}

/** RFC 9562: milliseconds first, so that the oldest sorts first. */
export function uuid7(): string {
  const octets = randomBytes(16);
  octets.writeUIntBE(Date.now(), 0, 6);
  octets.writeUInt8((octets.readUInt8(6) & 0x0f) | 0x70, 6);
  octets.writeUInt8((octets.readUInt8(8) & 0x3f) | 0x80, 8);
  return octets.toString("hex").replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

export function content_digest(octets: Uint8Array): string {
  return `sha-256=:${createHash("sha256").update(octets).digest("base64")}:`;
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

export class File {
  readonly fiches: Fiche[];
  arretee = false;
  private readonly signalements: SignalementsApi;
  private readonly photos: PhotosApi;

  /** `rythme`: what a second of waiting lasts here, in milliseconds. */
  constructor(
    private readonly disque: string,
    private readonly session: Session,
    options: { basePath: string; fetchApi?: typeof fetch },
    private readonly rythme = 1000,
  ) {
    const configuration = new Configuration({ ...options, accessToken: () => session.jeton });
    this.signalements = new SignalementsApi(configuration);
    this.photos = new PhotosApi(configuration);
    this.fiches = lire(disque);
  }

  deposer(formulaire: SignalementIn, images: Uint8Array[]): Fiche {
    const octets = Object.fromEntries(images.map((image) => [uuid7(), image]));
    const photos = Object.entries(octets).map(([id, image]) => ({
      id,
      type: "image/jpeg" as const,
      octets: image.length,
      sha256: createHash("sha256").update(image).digest("hex"),
    }));
    const fiche: Fiche = {
      id: uuid7(),
      corps: { ...formulaire, photos },
      octets: Object.fromEntries(Object.entries(octets).map(([id, one]) => [id, Buffer.from(one).toString("base64")])),
      etape: "SIGNALEMENT",
      attendues: [],
      abandonnees: [],
      refus: [],
      essais: 0,
      pas_avant: 0,
    };
    this.fiches.push(fiche);
    this.ecrire();
    return fiche;
  }

  async vider(): Promise<void> {
    while (!this.arretee) {
      const restent = this.fiches.filter((one) => one.etape === "SIGNALEMENT" || one.etape === "PHOTOS");
      if (restent.length === 0) return;
      const dues = restent.filter((one) => one.pas_avant <= Date.now());
      const fiche = dues.find((one) => one.etape === "SIGNALEMENT") ?? dues[0];
      if (fiche) await this.avancer(fiche);
      else await pause(Math.min(...restent.map((one) => one.pas_avant)) - Date.now());
    }
  }

  private async avancer(fiche: Fiche): Promise<void> {
    const photo = fiche.etape === "PHOTOS" ? fiche.attendues[0] : undefined;
    let suite = await this.envoyer(fiche, photo);
    if (suite.sort === "REFUSE" && suite.dit.code === "signalement_different") {
      suite = { sort: "RECU", dit: suite.dit["signalement"] };
    }
    if (suite.sort === "RECU") {
      fiche.essais = 0;
      this.apprendre(fiche, suite.dit);
    } else if (suite.sort === "ATTENDRE") {
      this.reporter(fiche, suite.dit);
    } else if (suite.sort === "ARRETER") {
      this.arretee = true;
    } else if (suite.dit.code === "gone") {
      this.fiches.splice(this.fiches.indexOf(fiche), 1);
    } else if (photo === undefined) {
      fiche.etape = "A_CORRIGER";
      fiche.refus.push(suite.dit);
    } else if (suite.dit.code === "signalement_introuvable") {
      fiche.etape = "SIGNALEMENT";
      this.reporter(fiche, 0);
    } else {
      fiche.abandonnees.push(photo);
      fiche.refus.push(suite.dit);
      this.suite(fiche, fiche.attendues.filter((one) => one !== photo));
    }
    this.ecrire();
  }

  apprendre(fiche: Fiche, dit: PhotosOut): void {
    const refusees = dit.photos.filter((one) => one.etat === "refusee").map((one) => one.id);
    const ecartees = new Set([...fiche.abandonnees, ...refusees]);
    const attendues = dit.photos_manquantes.filter((id) => id in fiche.octets && !ecartees.has(id));
    for (const photo of dit.photos) if (photo.etat === "prete") delete fiche.octets[photo.id];
    this.suite(fiche, attendues);
  }

  private suite(fiche: Fiche, attendues: string[]): void {
    fiche.attendues = attendues;
    fiche.etape = attendues.length > 0 ? "PHOTOS" : "ENVOYEE";
  }

  private reporter(fiche: Fiche, au_moins: number): void {
    fiche.essais += 1;
    const plafond = Math.min(900, 2 * 2 ** Math.min(fiche.essais, 10));
    fiche.pas_avant = Date.now() + (au_moins + Math.random() * plafond) * this.rythme;
  }

  private async envoyer(fiche: Fiche, photo: string | undefined): Promise<Suite> {
    for (const tour of [1, 2]) {
      try {
        const dit = await this.put(fiche, photo);
        return dit.id === fiche.id ? { sort: "RECU", dit } : { sort: "ATTENDRE", dit: 0 };
      } catch (raison) {
        const refus = await probleme(raison);
        if (refus === undefined) return { sort: "ATTENDRE", dit: 0 };
        const { dit, retry_after } = refus;
        if (dit.status === 401 && tour === 1) {
          if ((await this.session.renouveler()) === "ATTENDRE") return { sort: "ATTENDRE", dit: 0 };
        } else if (dit.status === 401 || dit.code === "compte_suspendu") return { sort: "ARRETER", dit };
        else if (dit.retryable) return { sort: "ATTENDRE", dit: retry_after };
        else return { sort: "REFUSE", dit };
      }
    }
    throw new Error("two rounds always end");
  }

  private put(fiche: Fiche, photo: string | undefined): Promise<PhotosOut> {
    if (photo === undefined) {
      return this.signalements.envoyerSignalement({ id: fiche.id, SignalementIn: fiche.corps });
    }
    const octets = Buffer.from(fiche.octets[photo] ?? "", "base64");
    return this.photos.envoyerPhoto({
      id: fiche.id,
      photo_id: photo,
      content_digest: content_digest(octets),
      body: new Blob([octets], { type: "image/jpeg" }),
    });
  }

  private ecrire(): void {
    writeFileSync(`${this.disque}.neuf`, JSON.stringify(this.fiches));
    renameSync(`${this.disque}.neuf`, this.disque);
  }
}

function lire(disque: string): Fiche[] {
  let ecrit: string;
  try {
    ecrit = readFileSync(disque, "utf8");
  } catch {
    return [];
  }
  const fiches: Fiche[] = JSON.parse(ecrit);
  for (const fiche of fiches) fiche.corps.constate_le = new Date(fiche.corps.constate_le);
  return fiches;
}

/** The refusal as the contract types it; nothing where nobody, or not Relais, answered. */
export async function probleme(raison: unknown): Promise<{ dit: Problem; retry_after: number } | undefined> {
  if (!(raison instanceof ResponseError)) return undefined;
  const { headers } = raison.response;
  if (!headers.get("content-type")?.startsWith("application/problem+json")) return undefined;
  const dit = ProblemFromJSON(await raison.response.json());
  return { dit, retry_after: Number(headers.get("retry-after") ?? 5) };
}

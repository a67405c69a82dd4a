"""Lay the first tables."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


TENANTS = (
    "version", "acteur", "emprise", "compteur", "personne", "cle", "signalement", "rappel", "echeance", "escalade",
    "photo", "saisine", "evenement", "envoi", "webhook",
)  # fmt: skip
CLAIMED = ("rappel", "photo", "envoi")
WRITTEN_BY_THE_DOORS = ("compteur", "signalement", "echeance", "photo", "saisine", "envoi", "webhook")

FUNCTIONS = """
CREATE FUNCTION relais_maintenant() RETURNS timestamptz LANGUAGE sql STABLE
    AS $$ SELECT now() + coalesce((SELECT decalage FROM horloge), interval '0') $$;

CREATE FUNCTION relais_territoire() RETURNS integer LANGUAGE sql STABLE
    AS $$ SELECT nullif(current_setting('relais.territoire', true), '')::integer $$;

-- The first statement of every transaction: role, tenant, time and standing in one round trip.
CREATE FUNCTION relais_ouvrir(p_role text, p_territoire integer, p_code text, p_personne uuid, p_cle text)
RETURNS TABLE (maintenant timestamptz, territoire integer, version integer, empreinte text, code_connu boolean,
               trouve boolean, actif boolean, generation integer, id uuid, role text, acteur text, nom text,
               courriel text)
LANGUAGE plpgsql AS $$
DECLARE
    tenant integer := p_territoire;
    known boolean := true;
BEGIN
    PERFORM set_config('role', p_role, true);
    -- Instants come back in UTC: Python compares two instants of one summer-time zone by their wall clocks.
    PERFORM set_config('TimeZone', 'UTC', true);
    IF tenant IS NULL AND p_code IS NOT NULL THEN
        SELECT t.id INTO tenant FROM territoire t WHERE t.code = p_code;
        known := tenant IS NOT NULL;
    ELSIF tenant IS NULL AND (SELECT count(*) FROM territoire) = 1 THEN
        SELECT t.id INTO tenant FROM territoire t;
    END IF;
    PERFORM set_config('relais.territoire', coalesce(tenant::text, ''), true);
    RETURN QUERY
        SELECT relais_maintenant(), tenant, t.version, v.empreinte, known, w.id IS NOT NULL,
               w.actif, w.generation, w.id, w.role, w.acteur, w.nom, w.courriel
        FROM (SELECT) AS one
        LEFT JOIN territoire t ON t.id = tenant
        LEFT JOIN version v ON v.territoire_id = tenant AND v.numero = t.version
        LEFT JOIN (
            SELECT p.id, p.actif, p.generation, p.role::text, p.acteur, p.nom, p.identifiant AS courriel FROM personne p
            WHERE p.territoire_id = tenant AND p.id = p_personne
            UNION ALL
            SELECT c.id, c.actif, NULL, 'cle', c.acteur, c.libelle, NULL FROM cle c
            WHERE c.territoire_id = tenant AND c.empreinte = p_cle
        ) AS w ON true;
END $$;
"""


def upgrade() -> None:
    op.create_table(
        "horloge",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("demonstration", sa.Boolean(), nullable=False),
        sa.Column("decalage", sa.Interval(), server_default="0", nullable=False),
        sa.CheckConstraint("demonstration OR decalage = interval '0'", name=op.f("ck_horloge_fixe_hors_demonstration")),
        sa.CheckConstraint("id = 1", name=op.f("ck_horloge_une_seule")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_horloge")),
    )
    op.create_table(
        "territoire",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("nom", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_territoire")),
        sa.UniqueConstraint("code", name=op.f("uq_territoire_code")),
    )
    op.create_table(
        "acteur",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_acteur_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "code", name=op.f("pk_acteur")),
    )
    op.create_table(
        "compteur",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("annee", sa.Integer(), nullable=False),
        sa.Column("dernier", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_compteur_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "annee", name=op.f("pk_compteur")),
    )
    op.create_table(
        "version",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("numero", sa.Integer(), nullable=False),
        sa.Column("configuration", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("empreinte", sa.Text(), nullable=False),
        sa.Column("auteur", sa.Text(), nullable=False),
        sa.Column("resume", sa.Text(), nullable=False),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_version_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "numero", name=op.f("pk_version")),
    )
    op.create_table(
        "cle",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("libelle", sa.Text(), nullable=False),
        sa.Column("acteur", sa.Text(), nullable=True),
        sa.Column("empreinte", sa.Text(), nullable=False),
        sa.Column("actif", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "acteur"], ["acteur.territoire_id", "acteur.code"], name=op.f("fk_cle_acteur")
        ),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_cle_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "id", name=op.f("pk_cle")),
    )
    op.create_index("uq_cle_empreinte", "cle", ["territoire_id", "empreinte"], unique=True)
    op.create_table(
        "emprise",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("depuis", sa.Integer(), nullable=False),
        sa.Column("jusqu_a", sa.Integer(), nullable=True),
        sa.Column("nom", sa.Text(), nullable=True),
        sa.Column(
            "domanialite",
            sa.Enum(
                "DPC",
                "DPI",
                "DPD",
                "DPN",
                "DPF",
                "DPFE",
                "DPRIVC",
                "BAIL",
                "COPRO",
                "PRIV",
                "VPOC",
                "FRICHE",
                "EQUIP_COM",
                "EQUIP_DEP",
                "EQUIP_REG",
                "RESEAU",
                "COMMERCE",
                "INDET",
                name="domanialite",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("gestionnaire", sa.Text(), nullable=True),
        sa.Column("priorite", sa.Integer(), server_default="0", nullable=False),
        sa.Column("valide_du", sa.Date(), nullable=True),
        sa.Column("valide_au", sa.Date(), nullable=True),
        sa.Column("geometrie", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("ouest", sa.Double(), nullable=False),
        sa.Column("sud", sa.Double(), nullable=False),
        sa.Column("est", sa.Double(), nullable=False),
        sa.Column("nord", sa.Double(), nullable=False),
        sa.CheckConstraint("jusqu_a > depuis", name=op.f("ck_emprise_ordre")),
        sa.ForeignKeyConstraint(
            ["territoire_id", "gestionnaire"], ["acteur.territoire_id", "acteur.code"], name=op.f("fk_emprise_acteur")
        ),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_emprise_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "code", "depuis", name=op.f("pk_emprise")),
    )
    op.create_index(
        "uq_emprise_courante",
        "emprise",
        ["territoire_id", "code"],
        unique=True,
        postgresql_where=sa.text("jusqu_a IS NULL"),
    )
    op.create_table(
        "personne",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("identifiant", sa.Text(), nullable=False),
        sa.Column("nom", sa.Text(), nullable=False),
        sa.Column(
            "role",
            sa.Enum(
                "relais",
                "elu",
                "agent",
                "responsable",
                "pilote",
                "direction_generale",
                "administrateur",
                "cle",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("acteur", sa.Text(), nullable=True),
        sa.Column("actif", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("generation", sa.Integer(), server_default="0", nullable=False),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "acteur"], ["acteur.territoire_id", "acteur.code"], name=op.f("fk_personne_acteur")
        ),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_personne_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "id", name=op.f("pk_personne")),
    )
    op.create_index(
        "uq_personne_identifiant", "personne", ["territoire_id", sa.literal_column("lower(identifiant)")], unique=True
    )
    op.create_table(
        "signalement",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("numero", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("empreinte", sa.Text(), nullable=False),
        sa.Column("auteur_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("theme", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("constate_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("constate_corrige", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("recu_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("modifie_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("precision_m", sa.Double(), nullable=True),
        sa.Column("origine", sa.Text(), nullable=True),
        sa.Column("lieu", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("questions", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column(
            "statut",
            sa.Enum(
                "a_qualifier",
                "affecte",
                "pris_en_charge",
                "programme",
                "en_attente",
                "traite",
                "clos",
                "reoriente",
                "doublon",
                "retire",
                name="statut",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("statut_depuis", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "motif",
            sa.Enum("indetermine", "arbitrage", name="motif", native_enum=False, create_constraint=True, length=40),
            nullable=True,
        ),
        sa.Column("acteur", sa.Text(), nullable=True),
        sa.Column("affecte_par_le_pilote", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("rebonds", sa.Integer(), server_default="0", nullable=False),
        sa.Column("regle", sa.Text(), nullable=True),
        sa.Column("emprise", sa.Text(), nullable=True),
        sa.Column(
            "domanialite",
            sa.Enum(
                "DPC",
                "DPI",
                "DPD",
                "DPN",
                "DPF",
                "DPFE",
                "DPRIVC",
                "BAIL",
                "COPRO",
                "PRIV",
                "VPOC",
                "FRICHE",
                "EQUIP_COM",
                "EQUIP_DEP",
                "EQUIP_REG",
                "RESEAU",
                "COMMERCE",
                "INDET",
                name="domanialite",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("explication", sa.Text(), nullable=False),
        sa.Column("incertain", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("candidats", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("zones", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("traite_le", sa.DateTime(timezone=True), nullable=True),
        sa.Column("derniere_reponse", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True),
        sa.Column("etape_le", sa.DateTime(timezone=True), nullable=True),
        sa.Column("etape_tour", sa.Integer(), nullable=True),
        sa.Column("etape_constatee", sa.Boolean(), server_default="false", nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "acteur"], ["acteur.territoire_id", "acteur.code"], name=op.f("fk_signalement_acteur")
        ),
        sa.ForeignKeyConstraint(
            ["territoire_id", "version"],
            ["version.territoire_id", "version.numero"],
            name=op.f("fk_signalement_version"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "id", name=op.f("pk_signalement")),
    )
    op.create_index("ix_signalement_acteur", "signalement", ["territoire_id", "acteur", "recu_le"], unique=False)
    op.create_index("ix_signalement_auteur", "signalement", ["territoire_id", "auteur_id", "recu_le"], unique=False)
    op.create_index("ix_signalement_recu", "signalement", ["territoire_id", "recu_le", "id"], unique=False)
    op.create_index("uq_signalement_numero", "signalement", ["territoire_id", "numero"], unique=True)
    op.create_table(
        "webhook",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("types", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("acteur", sa.Text(), nullable=True),
        sa.Column("actif", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "acteur"], ["acteur.territoire_id", "acteur.code"], name=op.f("fk_webhook_acteur")
        ),
        sa.ForeignKeyConstraint(["territoire_id"], ["territoire.id"], name=op.f("fk_webhook_territoire")),
        sa.PrimaryKeyConstraint("territoire_id", "id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "echeance",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("signalement_id", sa.Uuid(), nullable=False),
        sa.Column(
            "delai",
            sa.Enum(
                "prise_en_charge",
                "reponse",
                "traitement",
                name="delai",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("tour", sa.Integer(), nullable=False),
        sa.Column("commence_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("echeance", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valeur", sa.Integer(), nullable=False),
        sa.Column(
            "unite",
            sa.Enum("H", "HO", "JO", name="unite", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("acteur", sa.Text(), nullable=True),
        sa.Column(
            "nature",
            sa.Enum("engagement", "indicatif", name="nature", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column(
            "etat",
            sa.Enum(
                "en_cours",
                "en_pause",
                "tenu",
                "depasse",
                name="etatdelai",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("arrete_le", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["territoire_id", "signalement_id"],
            ["signalement.territoire_id", "signalement.id"],
            name=op.f("fk_echeance_signalement"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "signalement_id", "delai", "tour", name=op.f("pk_echeance")),
    )
    op.create_table(
        "evenement",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rang", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("signalement_id", sa.Uuid(), nullable=True),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("auteur_id", sa.Uuid(), nullable=True),
        sa.Column("auteur", sa.Text(), nullable=False),
        sa.Column("donnees", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "signalement_id"],
            ["signalement.territoire_id", "signalement.id"],
            name=op.f("fk_evenement_signalement"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "id", name=op.f("pk_evenement")),
    )
    op.create_index("ix_evenement_signalement", "evenement", ["territoire_id", "signalement_id", "rang"], unique=False)
    op.create_table(
        "photo",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("signalement_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rang", sa.Integer(), nullable=False),
        sa.Column(
            "phase",
            sa.Enum("avant", "pendant", "apres", name="phase", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("octets", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("alt", sa.Text(), nullable=True),
        sa.Column(
            "etat",
            sa.Enum(
                "attendue",
                "recue",
                "prete",
                "refusee",
                name="etatphoto",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("motif", sa.Text(), nullable=True),
        sa.Column("largeur", sa.Integer(), nullable=True),
        sa.Column("hauteur", sa.Integer(), nullable=True),
        sa.Column("recue_le", sa.DateTime(timezone=True), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "signalement_id"],
            ["signalement.territoire_id", "signalement.id"],
            name=op.f("fk_photo_signalement"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "signalement_id", "id", name=op.f("pk_photo")),
    )
    op.create_index("ix_photo_du", "photo", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_table(
        "rappel",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("signalement_id", sa.Uuid(), nullable=False),
        sa.Column("du_le", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "signalement_id"],
            ["signalement.territoire_id", "signalement.id"],
            name=op.f("fk_rappel_signalement"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "signalement_id", name=op.f("pk_rappel")),
    )
    op.create_index("ix_rappel_du", "rappel", ["du_le"], unique=False)
    op.create_index("ix_rappel_territoire_du", "rappel", ["territoire_id", "du_le"], unique=False)
    op.create_table(
        "envoi",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("evenement_id", sa.Uuid(), nullable=False),
        sa.Column("signalement_id", sa.Uuid(), nullable=True),
        sa.Column(
            "canal",
            sa.Enum("courriel", "webhook", name="canal", native_enum=False, create_constraint=True, length=40),
            nullable=False,
        ),
        sa.Column("gabarit", sa.Text(), nullable=False),
        sa.Column("destinataire", sa.Text(), nullable=False),
        sa.Column("personne_id", sa.Uuid(), nullable=True),
        sa.Column("acteur", sa.Text(), nullable=True),
        sa.Column("donnees", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=False),
        sa.Column("corps", sa.LargeBinary(), nullable=True),
        sa.Column("annulable", sa.Boolean(), server_default="false", nullable=False),
        sa.Column(
            "etat",
            sa.Enum(
                "en_attente",
                "envoye",
                "mort",
                "annule",
                name="etatenvoi",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("cree_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("envoye_le", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reponse", sa.Integer(), nullable=True),
        sa.Column("erreur", sa.Text(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("claims", sa.Integer(), server_default="0", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "evenement_id"],
            ["evenement.territoire_id", "evenement.id"],
            name=op.f("fk_envoi_evenement"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "id", name=op.f("pk_envoi")),
    )
    op.create_index("ix_envoi_cree", "envoi", ["territoire_id", "cree_le", "id"], unique=False)
    op.create_index("ix_envoi_du", "envoi", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL"))
    op.create_index("ix_envoi_signalement", "envoi", ["territoire_id", "signalement_id"], unique=False)
    op.create_index(
        "uq_envoi_promesse", "envoi", ["territoire_id", "evenement_id", "canal", "gabarit", "destinataire"], unique=True
    )
    op.create_table(
        "escalade",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("signalement_id", sa.Uuid(), nullable=False),
        sa.Column(
            "delai",
            sa.Enum(
                "prise_en_charge",
                "reponse",
                "traitement",
                name="delai",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("tour", sa.Integer(), nullable=False),
        sa.Column("palier", sa.Text(), nullable=False),
        sa.Column("prevue_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("declenchee_le", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["territoire_id", "signalement_id", "delai", "tour"],
            ["echeance.territoire_id", "echeance.signalement_id", "echeance.delai", "echeance.tour"],
            name=op.f("fk_escalade_echeance"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "signalement_id", "delai", "tour", "palier", name=op.f("pk_escalade")),
    )
    op.create_index("ix_escalade_declenchee", "escalade", ["territoire_id", "declenchee_le"], unique=False)
    op.create_table(
        "saisine",
        sa.Column("territoire_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("signalement_id", sa.Uuid(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column(
            "type_instance",
            sa.Enum(
                "pilotage_quartier",
                "pilotage_ville",
                "groupe_resolution",
                "gusp_dg",
                "externe",
                name="typeinstance",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column(
            "delai",
            sa.Enum(
                "prise_en_charge",
                "reponse",
                "traitement",
                name="delai",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("tour", sa.Integer(), nullable=False),
        sa.Column("palier", sa.Text(), nullable=False),
        sa.Column(
            "etat",
            sa.Enum(
                "inscrite",
                "ajournee",
                "mobilisee",
                "retiree",
                "transmise",
                name="etatsaisine",
                native_enum=False,
                create_constraint=True,
                length=40,
            ),
            nullable=False,
        ),
        sa.Column("inscrite_le", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decision_avant", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ajournements", sa.Integer(), server_default="0", nullable=False),
        sa.Column("motif", sa.Text(), nullable=True),
        sa.Column("decidee_le", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decidee_par", sa.Text(), nullable=True),
        sa.Column("annoncee_le", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["territoire_id", "signalement_id", "delai", "tour", "palier"],
            ["escalade.territoire_id", "escalade.signalement_id", "escalade.delai", "escalade.tour", "escalade.palier"],
            name=op.f("fk_saisine_escalade"),
        ),
        sa.PrimaryKeyConstraint("territoire_id", "id", name=op.f("pk_saisine")),
    )
    op.create_index(
        "ix_saisine_a_annoncer",
        "saisine",
        ["territoire_id", "decidee_le"],
        unique=False,
        postgresql_where=sa.text("etat = 'transmise' AND annoncee_le IS NULL"),
    )
    op.create_index("ix_saisine_instance", "saisine", ["territoire_id", "instance", "inscrite_le"], unique=False)
    op.create_index(
        "uq_saisine_ouverte",
        "saisine",
        ["territoire_id", "signalement_id", "instance"],
        unique=True,
        postgresql_where=sa.text("etat IN ('inscrite', 'ajournee')"),
    )
    secure()


def secure() -> None:
    """Fail closed: without a tenant, no row; with one, its rows only. The owner alone sees all: dumps, imports."""
    for statement in FUNCTIONS.split("\n\n"):
        op.execute(statement)
    doors = "relais_api, relais_worker"
    op.execute("INSERT INTO horloge (id, demonstration) VALUES (1, false)")
    op.execute(f"GRANT SELECT ON horloge, territoire TO {doors}")
    for table in TENANTS:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY proprietaire ON {table} TO relais_owner USING (true) WITH CHECK (true)")
        mine = "territoire_id = (SELECT relais_territoire())"
        op.execute(f"CREATE POLICY territoire ON {table} TO {doors} USING ({mine}) WITH CHECK ({mine})")
        op.execute(f"GRANT SELECT ON {table} TO {doors}")
    for table in CLAIMED:
        op.execute(f"CREATE POLICY a_servir ON {table} FOR SELECT TO relais_worker USING (true)")
    for table in WRITTEN_BY_THE_DOORS:
        op.execute(f"GRANT INSERT, UPDATE ON {table} TO {doors}")
    # What happened is never rewritten: not by the API, not by a worker.
    op.execute(f"GRANT INSERT ON evenement, escalade TO {doors}")
    op.execute(f"GRANT INSERT, UPDATE, DELETE ON rappel TO {doors}")
    op.execute("GRANT DELETE ON webhook TO relais_api")


def downgrade() -> None:
    op.drop_index(
        "uq_saisine_ouverte", table_name="saisine", postgresql_where=sa.text("etat IN ('inscrite', 'ajournee')")
    )
    op.drop_index("ix_saisine_instance", table_name="saisine")
    op.drop_index(
        "ix_saisine_a_annoncer",
        table_name="saisine",
        postgresql_where=sa.text("etat = 'transmise' AND annoncee_le IS NULL"),
    )
    op.drop_table("saisine")
    op.drop_index("ix_escalade_declenchee", table_name="escalade")
    op.drop_table("escalade")
    op.drop_index("uq_envoi_promesse", table_name="envoi")
    op.drop_index("ix_envoi_signalement", table_name="envoi")
    op.drop_index("ix_envoi_du", table_name="envoi", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_index("ix_envoi_cree", table_name="envoi")
    op.drop_table("envoi")
    op.drop_index("ix_rappel_territoire_du", table_name="rappel")
    op.drop_index("ix_rappel_du", table_name="rappel")
    op.drop_table("rappel")
    op.drop_index("ix_photo_du", table_name="photo", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("photo")
    op.drop_index("ix_evenement_signalement", table_name="evenement")
    op.drop_table("evenement")
    op.drop_table("echeance")
    op.drop_table("webhook")
    op.drop_index("uq_signalement_numero", table_name="signalement")
    op.drop_index("ix_signalement_recu", table_name="signalement")
    op.drop_index("ix_signalement_auteur", table_name="signalement")
    op.drop_index("ix_signalement_acteur", table_name="signalement")
    op.drop_table("signalement")
    op.drop_index("uq_personne_identifiant", table_name="personne")
    op.drop_table("personne")
    op.drop_index("uq_emprise_courante", table_name="emprise", postgresql_where=sa.text("jusqu_a IS NULL"))
    op.drop_table("emprise")
    op.drop_index("uq_cle_empreinte", table_name="cle")
    op.drop_table("cle")
    op.drop_table("version")
    op.drop_table("compteur")
    op.drop_table("acteur")
    op.drop_table("territoire")
    op.drop_table("horloge")
    for function in ("relais_ouvrir", "relais_territoire", "relais_maintenant"):
        op.execute(f"DROP FUNCTION {function}")

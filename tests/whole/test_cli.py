"""The command as a user types it: exit codes, one clear line for a mistake, nothing destroyed."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import miniature
import pytest
from command_line import exit_code_of
from filelock import FileLock

FIXTURE = Path(__file__).parents[2] / "fixtures" / "mini-graph"


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "built"
    assert exit_code_of("build", folder, "--quiet", *miniature.OPTIONS) == 0
    return folder


def refused(result: tuple[int, str, str]) -> str:
    """The one line that a refusal prints last; progress may stand before it."""
    code, out, err = result
    assert code == 2
    assert not out
    line = err.strip().splitlines()[-1]
    assert line.startswith("worldgen: ")
    assert "Traceback" not in err
    return line


def test_config_is_toml_that_reads_back(worldgen, tmp_path):
    _, text, _ = worldgen("config", "--preset", "small", "--seed", 5)
    (tmp_path / "small.toml").write_text(text)
    code, again, _ = worldgen("config", "--config", tmp_path / "small.toml")
    assert code == 0
    assert again == text
    assert "seed = 5" in text


@pytest.mark.parametrize(
    "command",
    [
        "run", "build", "generate", "pretrain", "trace", "edit", "score", "report", "ask", "verify", "describe",
        "export", "config", "convert-points", "graph",
    ],
)  # fmt: skip
def test_every_command_has_help_with_an_example(worldgen, command):
    code, out, _ = worldgen(command, "--help")
    assert code == 0
    assert f"Example: worldgen {command}" in " ".join(out.split())


def test_json_alone_on_stdout(worldgen, built):
    code, out, err = worldgen("build", built, "--json")
    assert code == 0
    assert not err
    assert json.loads(out)["world"]["facts"] >= 160


def test_building_again_changes_nothing(worldgen, built):
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*.parquet")}
    code, _, err = worldgen("build", built)
    assert code == 0
    assert "world: done already" in err
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*.parquet")} == before


def test_verify(worldgen, built, tmp_path):
    import shutil

    code, out, _ = worldgen("verify", built)
    assert code == 0
    assert "corpus: as recorded" in out
    copy = shutil.copytree(built, tmp_path / "copy")
    (copy / "world" / "truths.parquet").write_bytes(b"not what it was")
    (copy / "agent" / "evidence.parquet").unlink()
    code, out, err = worldgen("verify", copy)
    assert code == 2
    assert "truths.parquet differs" in out
    assert "evidence.parquet is missing" in out
    assert "world" in err


class TestWhatIsNotOurs:
    def test_a_project_with_a_folder_of_our_name_is_refused_and_left_as_it_was(self, worldgen, tmp_path):
        project = tmp_path / "proj"
        (project / "corpus").mkdir(parents=True)
        (project / "corpus" / "thesis.txt").write_text("mine")
        (project / "config.toml").write_text("[tool.mine]\nkey = 1\n")
        before = sorted(project.rglob("*"))
        for command in ("build", "run", "edit"):
            assert "is not a run folder and is not empty" in refused(worldgen(command, project, *miniature.OPTIONS))
        assert sorted(project.rglob("*")) == before
        assert (project / "corpus" / "thesis.txt").read_text() == "mine"
        assert (project / "config.toml").read_text() == "[tool.mine]\nkey = 1\n"

    def test_the_current_folder_is_no_run_because_one_stands_in_it(self, worldgen, tmp_path, monkeypatch):
        (tmp_path / "setup.py").write_text("")
        monkeypatch.chdir(tmp_path)
        assert "it holds setup.py" in refused(worldgen("run", "."))
        assert [path.name for path in tmp_path.iterdir()] == ["setup.py"]

    def test_a_file_of_the_users_in_a_stages_folder_is_told_and_kept(self, worldgen, built, tmp_path):
        import shutil

        copy = shutil.copytree(built, tmp_path / "copy")
        shutil.rmtree(copy / "cases")
        (copy / "cases").mkdir()
        (copy / "cases" / "notes.txt").write_text("mine")
        assert "not worldgen's (notes.txt)" in refused(worldgen("build", copy))
        assert (copy / "cases" / "notes.txt").read_text() == "mine"


class TestAsk:
    def test_before_and_after(self, worldgen, built):
        subject, relation, object_ = self.some_fact(built)
        code, out, _ = worldgen(
            "ask", built, subject, relation, "--edit", f"{subject} | {relation} | {object_}", "--json"
        )
        reply = json.loads(out)
        best = reply["objects"][0]
        assert code == 0
        assert best["object"] == object_
        assert best["after"] >= 0.9 > best["before"] or best["after"] > best["before"]
        assert [edit["weight"] >= 1 for edit in reply["edits"]] == [True]
        assert 0 <= best["corpus"] <= 1

    def test_as_text(self, worldgen, built):
        subject, relation, _ = self.some_fact(built)
        code, out, _ = worldgen("ask", built, subject, relation)
        assert code == 0
        assert out.startswith(f"{subject} | {relation}")

    def test_a_near_name_is_offered(self, worldgen, built):
        subject, relation, _ = self.some_fact(built)
        line = refused(worldgen("ask", built, subject[:-1], relation))
        assert repr(subject) in line

    def test_bad_edits(self, worldgen, built):
        subject, relation, object_ = self.some_fact(built)
        assert "subject | relation | object" in refused(worldgen("ask", built, subject, relation, "--edit", "x"))
        edit = f"{subject} | {relation} | {object_}"
        for weight in ("heavy", "-1", "nan", "inf"):
            options = ("--edit", edit, "--weight", weight)
            assert "auto" in refused(worldgen("ask", built, subject, relation, *options))

    def test_a_goal_for_the_weight(self, worldgen, built):
        subject, relation, object_ = self.some_fact(built)
        edit = ("--edit", f"{subject} | {relation} | {object_}")
        weights = []
        for goal in (0.5, 0.9):
            reply = self.asked(worldgen, built, subject, relation, *edit, "--credence", goal)
            weights.append(reply["edits"][0]["weight"])
            assert reply["objects"][0]["after"] >= goal
        assert weights[0] < weights[1]
        assert "between 0 and 1" in refused(worldgen("ask", built, subject, relation, *edit, "--credence", 1))
        both = ("--credence", 0.5, "--weight", 3)
        assert "one of them" in refused(worldgen("ask", built, subject, relation, *edit, *both))

    def test_several_edits_with_weights_of_their_own(self, worldgen, built):
        subject, relation, object_ = self.some_fact(built)
        fact = f"{subject} | {relation} | {object_}"
        one = self.asked(worldgen, built, subject, relation, "--edit", f"{fact} | 7")
        two = self.asked(worldgen, built, subject, relation, "--edit", f"{fact} | 3", "--edit", fact, "--weight", 4)
        assert [edit["weight"] for edit in two["edits"]] == [3, 4]
        assert one["objects"] == two["objects"]

    def test_a_subject_never_seen_and_a_condition(self, worldgen, built):
        from worldgen.evaluate.runs.load import config_of, load_agent, load_world

        world = load_world(built)
        agent = load_agent(built, world, config_of(built).agent)
        up, down = world.pairs()[0]
        object_ = int(agent.unseen_subject(up).mode())
        names = world.relations[down], world.relations[up], world.objects[object_]
        general = self.asked(worldgen, built, ".", names[0])
        assert general["objects"][0]["before"] == agent.unseen_subject(down).top(1)[1][0]
        given = self.asked(worldgen, built, ".", names[0], "--given", f"{names[1]} | {names[2]}")
        assert given["objects"][0]["before"] == pytest.approx(agent.conditional(down, object_).top(1)[1][0], abs=1e-12)
        upside_down = ("--given", f"{names[0]} | {names[2]}")
        assert "does not depend" in refused(worldgen("ask", built, ".", names[1], *upside_down))
        assert "relation | object" in refused(worldgen("ask", built, ".", names[0], "--given", "x"))
        assert "named subject" in refused(worldgen("ask", built, ".", names[0], "--explain"))

    def test_statements(self, worldgen, built):
        subject, relation, object_ = self.some_fact(built)
        fact = f"{subject} | {relation} | {object_}"
        texts = [fact, f"not {fact}", f"{fact} and {fact}", f"{fact} or {fact}"]
        options = [part for text in texts for part in ("--statement", text)]
        reply = self.asked(worldgen, built, *options, "--edit", fact, "--weight", 9)
        for when in ("before", "after"):
            atom, negated, both, either = (judgement[when] for judgement in reply["statements"])
            assert negated == 1 - atom
            assert both == either == atom
        belief = self.asked(worldgen, built, subject, relation, "--object", object_, "--edit", fact, "--weight", 9)
        told = {entry["object"]: entry for entry in belief["objects"]}[object_]
        assert (told["before"], told["after"]) == tuple(reply["statements"][0][when] for when in ("before", "after"))
        code, out, _ = worldgen("ask", built, *options)
        assert code == 0
        assert f"{fact} or {fact}" in out

    def test_bad_statements(self, worldgen, built):
        subject, relation, object_ = self.some_fact(built)
        fact = f"{subject} | {relation} | {object_}"
        assert "write it as" in refused(worldgen("ask", built, "--statement", "x"))
        assert "write it as" in refused(worldgen("ask", built, "--statement", f"{fact} and x | y"))
        assert repr(subject) in refused(worldgen("ask", built, "--statement", f"{fact} or {fact[1:]}"))
        assert "stands alone" in refused(worldgen("ask", built, subject, relation, "--statement", fact))
        assert "SUBJECT and RELATION" in refused(worldgen("ask", built, subject))

    @pytest.mark.parametrize("downstream", [False, True])
    def test_an_explanation_adds_up(self, worldgen, built, downstream):
        """Of a root, and of a downstream fact that is told itself beside its upstream fact."""
        subject, relation, object_ = self.some_fact(built, downstream)
        edit = ("--edit", f"{subject} | {relation} | {object_} | 50")
        reply = self.asked(worldgen, built, subject, relation, *edit, "--explain")
        if downstream:
            assert (reply["formula_before"], reply["formula_after"]) == ("marginal", "edits")
            assert not reply["explanation"]["moved"]  # its own edit moves the conditional for other subjects alone
            above = reply["depends_on"], reply["explanation"]["after"]["terms"][-1]["object"]
            edit += ("--edit", f"{subject} | {above[0]} | {above[1]} | 40")
            reply = self.asked(worldgen, built, subject, relation, *edit, "--explain")
        why, best = reply["explanation"], reply["objects"][0]
        assert why["object"] == best["object"]
        assert bool(why["moved"]) == downstream
        for when in ("before", "after"):
            account = why[when]
            assert account["credence"] == pytest.approx(best[when], abs=1e-12)
            if downstream:
                m = sum(term["share"] for term in account["terms"]) + account["rest_share"]
                assert account["marginal"] == pytest.approx(m, abs=1e-12)
                assert (account["formula"], account["total"]) == (("marginal", 0), ("edits", 50))[when == "after"]
                total = (account["kappa"] * m + account["count"]) / (account["kappa"] + account["total"])
            else:
                total = (account["prior"] + account["count"]) / (
                    account["prior"] * account["objects"] + account["total"]
                )
            assert total == pytest.approx(best[when], abs=1e-12)
        assert len(why["sources"]) == 1 + downstream
        for source in why["sources"]:
            self.check_against_evidence(built, source)
        code, out, _ = worldgen("ask", built, subject, relation, *edit, "--explain")
        assert code == 0
        assert ("rows of the conditional that moved" in out) == downstream
        assert ("(kappa m + e) / (kappa + E)" in out) == downstream
        assert all(example in out for source in why["sources"] for example in source["examples"])

    @staticmethod
    def check_against_evidence(built: Path, source: dict) -> None:
        """What the sentences are said to weigh is what the agent counts; the examples name the fact."""
        from worldgen.evaluate.runs.load import config_of, load_agent, load_world

        world = load_world(built)
        agent = load_agent(built, world, config_of(built).agent)
        s, r = world.subjects.id_of(source["subject"]), world.relations.id_of(source["relation"])
        observed = agent.observations(s, r)
        weights = {world.objects[o]: [0.0, 0.0] for o in observed.object.tolist()}
        for line in source["mentions"]:
            weights[line["object"]][0] += line["weight_for"]
            weights[line["object"]][1] += line["weight_against"]
        # A weight is at most a few hundred: sums of thirds are off by a few times 1e-14.
        for (found_for, found_against), *expected in zip(
            weights.values(), observed.positive.tolist(), observed.spread.tolist(), strict=True
        ):
            assert [found_for, found_against] == pytest.approx(expected, abs=1e-12)
        assert source["examples"]
        assert all(f"{source['subject']} {source['relation']} " in example for example in source["examples"])

    def test_plain_asking_imports_nothing_heavy(self, built):
        """pandas, scipy, torch or pyarrow's data sets would take longer to import than the answer takes."""
        subject, relation, _ = self.some_fact(built)
        script = (
            "import sys; from worldgen import cli; sys.argv = ['worldgen', 'ask', *sys.argv[1:]]\n"
            "try: cli.main()\n"
            "except SystemExit as end: assert not end.code\n"
            "assert not {'pandas', 'scipy', 'torch', 'pyarrow.dataset'} & set(sys.modules)"
        )
        arguments = [str(built), subject, relation, "--explain"]
        subprocess.run([sys.executable, "-c", script, *arguments], check=True, capture_output=True)

    @staticmethod
    def asked(worldgen, *arguments: object) -> dict:
        code, out, err = worldgen("ask", *arguments, "--json")
        assert (code, err) == (0, "")
        return json.loads(out)

    @staticmethod
    def some_fact(built: Path, downstream: bool = False) -> tuple[str, str, str]:
        """Names of a subject, a relation of its, and an object that is not the truth."""
        from worldgen.evaluate.runs.load import load_world

        world = load_world(built)
        fact = int(((world.row != -1) == downstream).argmax())
        other = next(o for o in world.ranges[world.relation[fact]].tolist() if o != world.truth[fact])
        other = other if downstream else int(world.distractor[fact])
        return world.subjects[world.subject[fact]], world.relations[world.relation[fact]], world.objects[other]


class TestMistakes:
    def test_unknown_setting(self, worldgen, tmp_path):
        assert "'world.facts'" in refused(worldgen("build", tmp_path / "r", "--set", "world.fact=3"))
        assert not (tmp_path / "r").exists()

    def test_bad_value(self, worldgen, tmp_path):
        assert "world.facts" in refused(worldgen("build", tmp_path / "r", "--set", "world.facts=many"))

    def test_odd_number_of_relations(self, worldgen, tmp_path):
        assert "odd" in refused(worldgen("build", tmp_path / "r", "--set", "graph.relations=5"))

    def test_another_config(self, worldgen, built):
        line = refused(worldgen("build", built, "--set", "corpus.draws=7"))
        assert "corpus.draws: 6 there, 7 now" in line
        code, _, _ = worldgen("verify", built)
        assert code == 0
        code, _, _ = worldgen("build", built)
        assert code == 0, "a refused command leaves the run's own config in place"

    def test_a_first_try_leaves_nothing_behind(self, worldgen, tmp_path):
        refused(worldgen("score", tmp_path / "r"))
        assert not (tmp_path / "r").exists()
        refused(worldgen("build", tmp_path / "r", "--kg", FIXTURE))
        assert not (tmp_path / "r" / "config.toml").exists()

    def test_another_process(self, worldgen, built):
        with FileLock(built / ".lock"):
            assert "another worldgen process" in refused(worldgen("build", built))

    def test_no_run_folder(self, worldgen, tmp_path):
        assert "no run folder" in refused(worldgen("ask", tmp_path / "none", "a", "b"))
        assert "no run folder" in refused(worldgen("verify", tmp_path / "none"))

    def test_a_stage_before_its_time(self, worldgen, built):
        assert "lm" in refused(worldgen("edit", built))

    def test_missing_graph(self, worldgen, tmp_path):
        assert "no such folder or file" in refused(worldgen("build", tmp_path / "r", "--kg", tmp_path / "none"))
        (tmp_path / "empty").mkdir()
        assert "wikidata5m_transductive.tar.gz" in refused(
            worldgen("build", tmp_path / "r", "--kg", tmp_path / "empty")
        )

    def test_truncated_archive(self, worldgen, tmp_path):
        folder = tmp_path / "kg"
        folder.mkdir()
        for archive, names in {
            "wikidata5m_transductive.tar.gz": ["wikidata5m_transductive_train.txt"],
            "wikidata5m_alias.tar.gz": ["wikidata5m_entity.txt", "wikidata5m_relation.txt"],
        }.items():
            with tarfile.open(folder / archive, "w:gz") as tar:
                for name in names:
                    tar.add(FIXTURE / name, name)
        whole = folder / "wikidata5m_transductive.tar.gz"
        whole.write_bytes(whole.read_bytes()[:-200])
        assert "cut short" in refused(worldgen("build", tmp_path / "r", "--kg", folder))

    def test_too_small_a_graph_says_what_it_offers(self, worldgen, tmp_path):
        line = refused(worldgen("build", tmp_path / "r", "--kg", FIXTURE))
        assert "relations that share at least 100 subjects" in line
        options = ("--set", "graph.min_cooccurrence=20", "--set", "graph.relations=6")
        assert "335 facts" in refused(worldgen("build", tmp_path / "r", "--kg", FIXTURE, *options))

    def test_strict_refuses_what_is_counted_else(self, worldgen, tmp_path):
        lines = (FIXTURE / "wikidata5m_transductive_train.txt").read_text().splitlines()
        rows = "\n".join([*lines[:3], "only two\tcolumns", *lines[3:]])
        (tmp_path / "graph.tsv").write_text(rows + "\n")
        options = ("--set", "graph.min_cooccurrence=20", "--set", "graph.relations=4", "--set", "world.facts=200")
        line = refused(worldgen("build", tmp_path / "r", "--kg", tmp_path / "graph.tsv", "--strict", *options))
        assert "line 4" in line
        code, _, err = worldgen("build", tmp_path / "r2", "--kg", tmp_path / "graph.tsv", *options)
        assert code == 0
        assert "1 malformed" in err
        assert "line 4" in err

    def test_full_disk(self, worldgen, tmp_path, monkeypatch):
        import errno

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("worldgen.storage.files.pq.write_table", full)
        assert "the disk is full" in refused(worldgen("build", tmp_path / "r", *miniature.OPTIONS))
        monkeypatch.undo()

    def test_a_fault_of_ours_leaves_a_traceback(self, worldgen, tmp_path, monkeypatch):
        def fault(*_: object) -> None:
            raise RuntimeError("a fault")

        monkeypatch.setattr("worldgen.evaluate.stages.world.select", fault)
        code, _, err = worldgen("build", tmp_path / "r")
        assert code == 1
        assert "logs/error.log" in err
        assert "a fault" in (tmp_path / "r" / "logs" / "error.log").read_text()

    def test_interrupted(self, worldgen, tmp_path, monkeypatch):
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("worldgen.evaluate.stages.world.select", interrupt)
        code, _, err = worldgen("build", tmp_path / "r")
        assert code == 130
        assert "again" in err

"""Every mistake a researcher can make in a protocol gives its line, its value and the remedy."""

from __future__ import annotations

import pytest

from tests.studyapp_tests.protocol_texts import TOP, TOP5, problems_of

NAME_LINE = 'name = "study"'

# Each case: a file with one mistake, on the line marked "#!" (or line 1), and words of its message.
MISTAKES = {
    "a misspelt key": (
        TOP + "[answers]\nrequred = 3 #!\n",
        ["requred is not a key of [answers]", "did you mean required"],
    ),
    "a key of another table": (
        TOP + "[answers]\nwashout_days = 3 #!\n",
        ["not a key of [answers]", "write it under [participants]"],
    ),
    "a key of another kind": (
        TOP + '[questions]\ntop5_variant = "A" #!\n',
        ["not a key of [questions]", "in a study of kind relevance_top5"],
    ),
    "a top key inside a table": (
        TOP + '[answers]\ndataset = "x" #!\n',
        ["not a key of [answers]", "above the first table"],
    ),
    "a key like nothing there is": (
        TOP + "[review]\nzzz = 1 #!\n",
        ["zzz is not a key of [review]", "the keys here are required"],
    ),
    "a misspelt table": (
        TOP + "[analisys] #!\ndraws = 200\n",
        ["analisys is not a key of a protocol", "did you mean analysis"],
    ),
    "a table inside a table": (
        TOP + "[answers.rule] #!\nrequired = 3\n",
        ["rule is not a key of [answers]", "under [analysis]"],
    ),
    "a misspelt kind": (
        TOP.replace('"relevance"', '"relevence" #!'),
        ['kind = "relevence" is not a kind', 'did you mean "relevance"'],
    ),
    "a kind unlike any": (
        TOP.replace('"relevance"', '"beauty" #!'),
        ['kind = "beauty" is not a kind', "choose one of relevance, relevance_top5"],
    ),
    "a missing top key": (
        TOP.replace('dataset = "digits"\n', ""),
        ["dataset is missing", "write it: Name of the dataset"],
    ),
    "top keys in another order": (
        'title = "A study" #!\nname = "study"\n' + "\n".join(TOP.splitlines()[2:]),
        ["title stands before name", "in this order: name, title, kind, dataset, classifiers"],
    ),
    "a text for a number": (
        TOP + '[answers]\nrequired = "five" #!\n',
        ['[answers] required = "five" is not a whole number', "at least 1 and at most 1000"],
    ),
    "a fraction for a whole number": (
        TOP + "[analysis]\ndraws = 200.5 #!\n",
        ["draws = 200.5 is not a whole number"],
    ),
    "true for a number": (TOP + "[answers]\nrequired = true #!\n", ["required = true is not a whole number"]),
    "a number for true": (TOP + "[review]\nrequired = 1 #!\n", ["required = 1 is not true or false"]),
    "a number for a text": (TOP.replace(NAME_LINE, "name = 5 #!"), ["name = 5 is not a text"]),
    "a number out of range": (
        TOP + "[questions]\ncontrols = 0.9 #!\n",
        ["controls = 0.9 is out of range", "at least 0 and at most 0.5"],
    ),
    "confidence of one": (TOP + "[analysis]\nconfidence = 1.0 #!\n", ["confidence = 1.0", "below 1"]),
    "not a number": (TOP + "[questions]\ncontrols = nan #!\n", ["not a number that can be used"]),
    "a date for a number": (
        TOP + "[analysis]\ndraws = 2020-01-01 #!\n",
        ["2020-01-01 is not a whole number"],
    ),
    "a word outside its choices": (
        TOP + '[analysis]\nrule = "cuont" #!\n',
        ['rule = "cuont" is not one of count, proportion', 'did you mean "count"'],
    ),
    "a word like none of its choices": (
        TOP + '[analysis]\nrule = "x" #!\n',
        ["write one of count, proportion, dawid_skene, gold_calibrated"],
    ),
    "a number for a word": (TOP + "[analysis]\nrule = 4 #!\n", ["rule = 4 is not one of count"]),
    "one text for a list": (
        TOP.replace('["cnn", "linear"]', '"cnn" #!'),
        ['classifiers = "cnn" is not a list of texts'],
    ),
    "an empty list": (TOP.replace('["cnn", "linear"]', "[] #!"), ["is an empty list", "name at least one"]),
    "a repeated name": (
        TOP.replace('["cnn", "linear"]', '["cnn", "cnn"] #!'),
        ['"cnn" more than once', "write each once"],
    ),
    "a number in a list of texts": (
        TOP.replace('["cnn", "linear"]', '["cnn", 2] #!'),
        ["not a text", "in quotes"],
    ),
    "three ranks": (
        TOP + "[questions]\nfoil_ranks = [6, 7, 8] #!\n",
        ["foil_ranks = [6, 7, 8] is not a list of two whole numbers"],
    ),
    "a rank in words": (
        TOP + '[questions]\nfoil_ranks = [6, "last"] #!\n',
        ["is not a list of two whole numbers"],
    ),
    "a rank that is true": (
        TOP + "[questions]\nfoil_ranks = [6, true] #!\n",
        ["is not a list of two whole numbers"],
    ),
    "rank zero": (TOP + "[questions]\nfoil_ranks = [0, 8] #!\n", ["out of range", "at least 2"]),
    "a NUL in a text": (
        TOP.replace('"A study"', '"A\\u0000study" #!'),
        ['title = "A\\u0000study" has a NUL character', "take it out"],
    ),
    "a NUL in a list": (
        TOP + '[answers]\nvalues = ["yes", "n\\u0000"] #!\n',
        ["values", "has a NUL character"],
    ),
    "an empty text": (TOP.replace('"A study"', '" " #!'), ['title = " " is empty']),
    "a name that is no file name": (
        TOP.replace('"study"', '"my study/1" #!'),
        ['name = "my study/1"', "letters, digits, dots, dashes"],
    ),
    "a table written as a value": (
        TOP + "answers = 5 #!\n",
        ["answers = 5 is not a table", "write it as [answers]"],
    ),
    "an arm written as one table": (
        TOP + '[arm] #!\nname = "x"\n',
        ["arm is not a list of tables", "its own [[arm]]"],
    ),
    "a list of single tables": (
        TOP + "[[answers]] #!\nrequired = 4\n",
        ["is not a table", "write it as [answers]"],
    ),
    "more agreement than answers": (
        TOP + "[answers]\nrequired = 5\nagreement = 6 #!\n",
        ["agreement = 6 is more than required = 5", "from 1 to 5"],
    ),
    "fewer answers than the default agreement": (
        TOP + "[answers]\nrequired = 3 #!\n",
        ["agreement = 4 is more than required = 3", "from 1 to 3"],
    ),
    "a positive answer that is not offered": (
        TOP + '[answers]\npositive = ["maybe"] #!\n',
        ['positive has "maybe"', "only answers that are offered"],
    ),
    "unsure as agreement": (
        TOP + '[answers]\nvalues = ["yes", "unsure", "no"]\npositive = ["yes", "unsure"] #!\n',
        ['positive has "unsure"', "take it out"],
    ),
    "nobody can disagree": (
        TOP + '[answers]\npositive = ["yes", "no"] #!\n',
        ["every one of values is positive", "that is not positive"],
    ),
    "a share of more answers than there are": (
        TOP + '[answers]\nrequired = 2\nagreement = 1\n[analysis]\nincomplete = "proportion"\n'
        "minimum_answers = 3 #!\n",
        ["minimum_answers = 3 is more than a question collects", "from 1 to 2"],
    ),
    "a wording without the class": (
        TOP + '[questions]\nwording = "Is it relevant?" #!\n',
        ["wrong placeholders", "write {label} exactly once"],
    ),
    "a wording with a foreign placeholder": (
        TOP + '[questions]\nwording = "Is {label} a {model}?" #!\n',
        ["wrong placeholders", "{label} exactly once"],
    ),
    "a wording with a lone brace": (
        TOP + '[questions]\nwording = "Is {label} {?" #!\n',
        ["wrong placeholders"],
    ),
    "a list wording with a placeholder": (
        TOP5 + '[questions]\nlist_wording = "Is {label} relevant?" #!\n',
        ["wrong placeholders", "without braces"],
    ),
    "two alternatives with yes and no": (
        TOP + '[questions]\nform = "two_alternative" #!\nwording = "Which is relevant?"\n',
        ["has its own answers", '["predicted", "true", "both", "neither"]'],
    ),
    "two alternatives about the true label again": (
        TOP + '[questions]\nform = "two_alternative"\nwording = "Which?"\nask_true_label = true #!\n'
        '[answers]\nvalues = ["predicted", "true", "both", "neither"]\npositive = ["predicted", "both"]\n',
        ["ask_true_label asks again", "ask_true_label = false"],
    ),
    "an arm of two alternatives that keeps the class in its wording": (
        TOP + '[[arm]]\nname = "a"\n[[arm]]\nname = "b"\nform = "two_alternative" #!\n',
        ["[[arm]] 2 wording", "without braces"],
    ),
    "an arm with another form in a top-5 study": (
        TOP5 + '[[arm]]\nname = "a"\nform = "single" #!\n',
        ["has no meaning in a study of kind relevance_top5", "take it out"],
    ),
    "an arm that goes back to one class": (
        TOP + '[questions]\nform = "two_alternative"\nwording = "Which?"\n[answers]\n'
        'values = ["predicted", "true", "both", "neither"]\npositive = ["predicted", "both"]\n'
        '[[arm]]\nname = "a"\nform = "single" #!\nwording = "Is it {label}?"\n',
        ["in a study whose [questions] are two_alternative"],
    ),
    "an arm without a name": (TOP + '[[arm]] #!\nclass_help = "gloss"\n', ["[[arm]] 1 name is missing"]),
    "two arms of one name": (
        TOP + '[[arm]]\nname = "a"\n[[arm]]\nname = "a" #!\n',
        ["[[arm]] 2 name", "of an earlier arm", "a name of its own"],
    ),
    "ranks in the wrong order": (
        TOP + "[questions]\nfoil_ranks = [20, 6] #!\n",
        ["foil_ranks = [20, 6]", "first and last rank"],
    ),
    "foils from inside the list of five": (
        TOP5 + "[questions]\nfoil_ranks = [2, 20] #!\n",
        ["the first at least 6"],
    ),
    "siblings without a hierarchy": (
        TOP + '[questions]\nfoils = "siblings" #!\n',
        ["siblings", "name the CSV of category and group"],
    ),
    "groups without a hierarchy": (
        TOP + '[questions]\nreview_stratum = "group" #!\n',
        ["needs to know the groups", "hierarchy"],
    ),
    "gold that is never asked": (
        TOP + '[questions]\ngold_csv = "gold.csv" #!\n',
        ["gold_share is 0", "give a gold_share"],
    ),
    "fewer questions than a sitting": (
        TOP + "[participants]\nmax_questions = 10 #!\n",
        ["max_questions = 10 is less than one sitting (questions_per_sitting = 20)"],
    ),
    "a pass mark nobody reaches": (
        TOP + "[participants]\npractice_questions = 2\npractice_pass = 3 #!\n",
        ["practice_pass = 3 is more than practice_questions = 2"],
    ),
    "practice that is never asked": (
        TOP + '[participants]\npractice_csv = "p.csv" #!\n',
        ["practice_questions is 0"],
    ),
    "a study that excludes itself": (
        TOP + '[participants]\nexclude_studies = ["study"] #!\n',
        ["names the study itself", "take it out"],
    ),
    "a contrast with an unknown classifier": (
        TOP + '[[contrast]]\nfirst = "cnn"\nsecond = "vgg" #!\n',
        ['[[contrast]] 1 second = "vgg"', "name one of cnn, linear"],
    ),
    "a contrast between arms that are not there": (
        TOP + '[[contrast]]\nbetween = "arms"\nfirst = "a" #!\nsecond = "b" #!\n',
        ["no arms to compare"],
    ),
    "a contrast with itself": (
        TOP + '[[contrast]]\nfirst = "cnn"\nsecond = "cnn" #!\n',
        ["compares cnn with cnn", "two different ones"],
    ),
    "a contrast planned twice": (
        TOP
        + '[[contrast]]\nfirst = "cnn"\nsecond = "linear"\n'
        + '[[contrast]]\nfirst = "linear"\nsecond = "cnn" #!\n',
        ["[[contrast]] 2 compares linear with cnn again"],
    ),
    "an early stop under a rule that needs all answers": (
        TOP + '[answers]\nstop_when_decided = true #!\n[analysis]\nrule = "dawid_skene"\n',
        ['rule = "dawid_skene" needs every answer', "stop_when_decided = false"],
    ),
    "an exclusion of nothing": (
        TOP + '[[exclusion]] #!\nmeasure = "seconds"\nreason = "x"\n',
        ["[[exclusion]] 1 says neither below nor above"],
    ),
    "an exclusion of everything": (
        TOP + '[[exclusion]]\nmeasure = "seconds"\nbelow = 9 #!\nabove = 3\nreason = "x"\n',
        ["leaves out everything (below 9, above 3)"],
    ),
    "an exclusion by gold that is not asked": (
        TOP + '[[exclusion]]\nmeasure = "gold_accuracy" #!\nbelow = 0.5\nreason = "x"\n',
        ["no gold question is asked", "give a gold_share"],
    ),
    "a frame that is no site": (
        TOP + '[recruitment]\nframe_ancestors = ["panel.example.org"] #!\n',
        ['frame_ancestors has "panel.example.org"', "https://"],
    ),
    "a frame that smuggles a directive": (
        TOP + '[recruitment]\nframe_ancestors = ["https://a.org; script-src *"] #!\n',
        ["which is no site"],
    ),
    "a completion address of another scheme": (
        TOP + '[recruitment]\ncompletion_url = "javascript:alert(1)" #!\n',
        ["is no web address", "from https:// on"],
    ),
    "a completion address with a foreign placeholder": (
        TOP + '[recruitment]\ncompletion_url = "https://a.org/{kode}" #!\n',
        ["placeholder other than {code}", "use only {code}"],
    ),
    "text that is not TOML": (TOP + "required 5 #!\n", ["is not TOML", "write key = value"]),
    "a text that never ends": (TOP + 'x = "abc', ["is not TOML"]),
    "a key written twice": (
        TOP + 'title = "again" #!\n[answers]\n',
        ["written twice", "each key and table once"],
    ),
    "a table written twice": (
        TOP + "[answers]\nrequired = 5\n[answers] #!\nagreement = 4\n",
        ["written twice"],
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_gives_its_line_its_value_and_the_remedy(mistake: str) -> None:
    text, words = MISTAKES[mistake]
    messages = problems_of(text)
    marked = [number for number, line in enumerate(text.splitlines(), start=1) if "#!" in line]
    if mistake == "a text that never ends":
        marked = [len(text.splitlines())]
    assert [message.split(": ")[0] for message in messages] == [
        f"study.toml, line {line}" for line in marked or [1]
    ]
    for word in words:
        assert word in messages[0]

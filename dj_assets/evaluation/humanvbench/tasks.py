"""The 16 tasks of HumanVBench in four groups, and which annotated clips suit each."""

from __future__ import annotations

from dataclasses import dataclass

EMOTION = "Emotion Perception"
PERSON = "Person Recognition"
BEHAVIOUR = "Human Behavior Analysis"
SPEECH = "Cross-Modal Speech-Visual Alignment"
GROUPS = (EMOTION, PERSON, BEHAVIOUR, SPEECH)
# A person whose face is described: emotions are annotated only where a recipe names a model.
_FEELS = "len(list_filter(emotions, lambda text: text <> '')) > 0"
_DESCRIBED = "description <> ''"


@dataclass(frozen=True)
class Task:
    """Hold a task: the name of its file, its group, and the SQL condition under which a clip suits it.

    The condition is over the columns of `selection.CLIPS`.
    """

    name: str
    group: str
    condition: str


TASKS = (
    Task("Emotion_Recognition", EMOTION, f"tracks >= 1 AND {_FEELS}"),
    Task("Emotion_Temporal_Analysis", EMOTION, f"tracks >= 1 AND seconds >= 4 AND {_FEELS}"),
    Task("Attitude_Recognition", EMOTION, f"speech AND active = 1 AND {_FEELS}"),
    Task("Emotion_Intensity_Compare", EMOTION, f"tracks >= 2 AND {_FEELS}"),
    Task("Text2Human", PERSON, "people >= 2 AND tracks >= 2"),
    Task("Human2Text", PERSON, "people >= 2 AND tracks >= 2"),
    Task("Human_Count", PERSON, "people >= 1"),
    Task("Appearance_Time_Detection", PERSON, "tracks >= 1 AND partly"),
    Task("Behavior_Temporal_Analysis", BEHAVIOUR, f"tracks >= 1 AND seconds >= 4 AND {_DESCRIBED}"),
    # the name has this spelling in the published files
    Task("Behavior_Causualty_Analysis", BEHAVIOUR, f"tracks >= 1 AND {_DESCRIBED}"),
    Task("Action_at_Specified_Time", BEHAVIOUR, f"tracks >= 1 AND seconds >= 4 AND {_DESCRIBED}"),
    Task("Time_of_Specific_Action", BEHAVIOUR, f"tracks >= 1 AND seconds >= 4 AND {_DESCRIBED}"),
    Task("Audio_Visual_Speaker_Matching", SPEECH, "speech AND tracks >= 2 AND active = 1"),
    Task("Active_Speaker_Detection", SPEECH, "speech AND tracks >= 2 AND active = 1"),
    Task("Audio_Visual_Alignment_Detection", SPEECH, "speech AND tracks = 1 AND active = 1"),
    Task("Speech_Content_Matching", SPEECH, "speech AND words <> ''"),
)


def task_of(name: str) -> Task:
    """Return a task by its name.

    Raises
    ------
    KeyError
        If there is no such task.

    Examples
    --------
    >>> task_of("Human_Count").group
    'Person Recognition'
    """
    return next((task for task in TASKS if task.name == name), None) or _unknown(name)


def _unknown(name: str) -> Task:
    raise KeyError(f"{name}: no task of HumanVBench; the tasks are {', '.join(task.name for task in TASKS)}")

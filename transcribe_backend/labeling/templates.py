"""Labeling configs to begin with. The first two are Label Studio 1.23's own, word for word."""

SPEECH_RECOGNITION = """<View>
  <Audio name="audio" value="$audio" zoom="true" hotkey="ctrl+enter" />
  <Header value="Transcribe the audio" />
  <TextArea name="transcription" toName="audio"
            rows="4" editable="true" maxSubmissions="1" />
</View>"""
"""Template "Automatic Speech Recognition"."""

SEGMENTS = """<View>
  <Labels name="labels" toName="audio">
    <Label value="Speech" />
    <Label value="Noise" />
  </Labels>

  <Audio name="audio" value="$audio"/>

  <TextArea name="transcription" toName="audio"
            rows="2" editable="true"
            perRegion="true" required="true" />
</View>"""
"""Template "Automatic Speech Recognition using Segments"."""

_SPEAKERS = """<View>
  <Labels name="speaker" toName="audio">
    <Label value="Speaker one" background="#00FF00"/>
    <Label value="Speaker two" background="#12ad59"/>
  </Labels>
  <Audio name="audio" value="$audio" model_speakers="2"/>
</View>"""

_DIALOGUE = """<View>
  <Labels name="speaker" toName="audio">
    <Label value="Agent" background="#00FF00"/>
    <Label value="Customer" background="#12ad59"/>
  </Labels>
  <Audio name="audio" value="$audio" model_speakers="2"/>
  <TextArea name="transcription" toName="audio" rows="2" editable="true" perRegion="true"/>
</View>"""

_STEREO = """<View>
  <Labels name="channel" toName="audio">
    <Label value="Left" predicted_values="ch_0" background="#00FF00"/>
    <Label value="Right" predicted_values="ch_1" background="#12ad59"/>
  </Labels>
  <Audio name="audio" value="$audio" splitchannels="true" model_channels="true"/>
  <TextArea name="transcription" toName="audio" rows="2" editable="true" perRegion="true"/>
</View>"""

TEMPLATES = {
    "asr": SPEECH_RECOGNITION,
    "segments": SEGMENTS,
    "speakers": _SPEAKERS,
    "dialogue": _DIALOGUE,
    "stereo": _STEREO,
}
"""By the name that `connect --template` knows: the whole text; segments with their text; who speaks when; what each of
two speakers says; what is said on each of two channels."""

"""Labeling configs that Label Studio ships, word for word."""

SPEECH_RECOGNITION = """<View>
  <Audio name="audio" value="$audio" zoom="true" hotkey="ctrl+enter" />
  <Header value="Transcribe the audio" />
  <TextArea name="transcription" toName="audio"
            rows="4" editable="true" maxSubmissions="1" />
</View>"""
"""Template "Automatic Speech Recognition" of Label Studio 1.23."""

"""The loop of face_recognition as its examples show it; started by benchmarks/speed/compare.py.

Reads a JSON list of paths from each line of its input and answers with the boxes of each photo,
embedded or not. In an environment of its own: pip install dlib-bin face_recognition_models
'setuptools<80' && pip install --no-deps face_recognition.
"""

import json
import sys

import face_recognition

print("ready", flush=True)
for line in sys.stdin:
    answer = []
    for path in json.loads(line):
        image = face_recognition.load_image_file(path)
        places = face_recognition.face_locations(image)
        face_recognition.face_encodings(image, places)
        answer.append([[x0, y0, x1 - x0, y1 - y0] for y0, x1, y1, x0 in places])
    print(json.dumps(answer), flush=True)

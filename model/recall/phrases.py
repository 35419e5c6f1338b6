"""How facts are said and asked for: a table of kinds, each with its phrasings.

`{v}` is the value, `{s}` the person ("Mary", "my sister"). The LAST phrasing of every tuple is held
out: it is never trained on. This file does not know who says what to whom (episodes.py).
"""
from dataclasses import dataclass

from model.recall import words


@dataclass(frozen=True)
class Kind:
    """One kind of fact. Leads stand before the value in an answer and pair with `leads_mine`."""
    name: str
    says: tuple[str, ...]          # first person statements
    changes: tuple[str, ...]       # first person statements that replace an earlier value
    asks: tuple[str, ...]          # questions about oneself
    lead_you: str                  # "You live in"
    lead_me: str                   # "I live in"
    values: tuple[tuple[str, ...], tuple[str, ...]]    # (trained, held-out)
    capital: bool                  # made-up values of this kind begin with a capital
    says_of: tuple[str, ...] = ()  # statements about others; empty: never said of others
    asks_of: tuple[str, ...] = ()
    lead_of: str = ""              # "{s} lives in"
    near: tuple[str, ...] = ()     # sentences with a value of this kind that is NOT the fact


KINDS = {kind.name: kind for kind in (
    Kind("name", ("My name is {v}.", "I am called {v}.", "Hello, I am {v}.", "People call me {v}.",
                  "Hi, my name is {v}.", "You can call me {v}."),
         ("I changed my name, now my name is {v}.", "From now on my name is {v}.",
          "Please call me {v} from now on."),
         ("What is my name?", "Who am I?", "Do you know my name?", "What am I called?",
          "Can you tell me my name?"),
         "Your name is", "My name is", words.FIRST, True,
         near=("I met {v} this morning.", "{v} is a friend of mine.", "I wrote a letter to {v}.",
               "Do you remember {v}?")),
    Kind("city", ("I live in {v}.", "My home is in {v}.", "I come home to {v} every evening.",
                  "My house is in {v}.", "The city where I live is {v}.", "I am living in {v}."),
         ("I have moved to {v}.", "Now I live in {v}.", "I live in {v} now.",
          "Last week I moved to {v}."),
         ("Where do I live?", "In which city do I live?", "What city do I live in?",
          "Where is my home?", "Do you remember where I live?"),
         "You live in", "I live in", words.CITY, True,
         ("{s} lives in {v}.", "{s} has a house in {v}.", "The home of {s} is in {v}."),
         ("Where does {s} live?", "In which city does {s} live?", "Where is the home of {s}?"),
         "{s} lives in",
         ("I visited {v} last year.", "The train to {v} was late.", "{v} is far away.",
          "I once read a book about {v}.")),
    Kind("job", ("My job is {v}.", "I work as a {v}.", "I earn my bread as a {v}.",
                 "My profession is {v}.", "By trade I am a {v}."),
         ("I changed my job, now I work as a {v}.", "I work as a {v} now.",
          "My new job is {v}."),
         ("What is my job?", "What do I do for a living?", "What is my profession?",
          "What do I work as?"),
         "You work as a", "I work as a", words.JOB, False,
         ("{s} works as a {v}.", "The job of {s} is {v}.", "By trade {s} is a {v}."),
         ("What is the job of {s}?", "What does {s} work as?", "What does {s} do for a living?"),
         "{s} works as a",
         ("The {v} was late today.", "I spoke to a {v} yesterday.", "I saw a {v} in the street.")),
    Kind("food", ("My favourite food is {v}.", "I love to eat {v}.",
                  "I like {v} more than any food.", "The food I like best is {v}.",
                  "Nothing tastes better to me than {v}."),
         ("Now my favourite food is {v}.", "These days my favourite food is {v}.",
          "I changed my mind, the food I like best is {v}."),
         ("What is my favourite food?", "What do I love to eat?", "Which food do I like best?",
          "What food do I like?"),
         "Your favourite food is", "My favourite food is", words.FOOD, False,
         ("The favourite food of {s} is {v}.", "{s} loves to eat {v}.",
          "{s} likes {v} best of all."),
         ("What is the favourite food of {s}?", "What does {s} love to eat?",
          "Which food does {s} like best?"),
         "The favourite food of {s} is",
         ("We had {v} for dinner.", "There is no {v} left in the kitchen.", "They sell {v} here.")),
    Kind("drink", ("My favourite drink is {v}.", "I like to drink {v}.", "I always drink {v}.",
                   "The drink I like best is {v}."),
         ("Now my favourite drink is {v}.", "These days I drink {v} instead."),
         ("What is my favourite drink?", "What do I like to drink?", "Which drink do I like best?"),
         "Your favourite drink is", "My favourite drink is", words.DRINK, False,
         ("The favourite drink of {s} is {v}.", "{s} likes to drink {v}.",
          "{s} always drinks {v}."),
         ("What is the favourite drink of {s}?", "What does {s} like to drink?",
          "Which drink does {s} like best?"),
         "The favourite drink of {s} is",
         ("There was {v} on the table.", "Somebody spilled the {v}.", "The {v} was cold.")),
    Kind("pet", ("I have a {v} at home.", "My pet is a {v}.", "I keep a {v}.", "I own a {v}.",
                 "There is a {v} in my house, it is my pet."),
         ("Now my pet is a {v}.", "I gave it away, now I keep a {v}.", "My new pet is a {v}."),
         ("What pet do I have?", "What is my pet?", "Which animal do I keep?",
          "What kind of pet do I own?"),
         "Your pet is a", "My pet is a", words.ANIMAL, False,
         ("The pet of {s} is a {v}.", "{s} has a {v} at home.", "{s} keeps a {v}."),
         ("What pet does {s} have?", "What is the pet of {s}?", "Which animal does {s} keep?"),
         "The pet of {s} is a",
         ("I saw a {v} in the park.", "A {v} crossed the road.", "The {v} ran away.")),
    Kind("pet name", ("My pet is called {v}.", "The name of my pet is {v}.", "I named my pet {v}.",
                      "My pet answers to the name {v}."),
         ("Now my pet is called {v}.", "I gave my pet a new name, {v}."),
         ("What is the name of my pet?", "What is my pet called?", "How did I name my pet?"),
         "Your pet is called", "My pet is called", words.PET_NAME, True,
         near=("The cat next door is called {v}.", "I read a story about a dog named {v}.",
               "The horse in the film was named {v}.")),
    Kind("colour", ("My favourite colour is {v}.", "I like the colour {v}.", "I love {v} things.",
                    "The colour I like best is {v}.", "Of all colours I prefer {v}."),
         ("Now my favourite colour is {v}.", "These days I prefer the colour {v}."),
         ("What is my favourite colour?", "Which colour do I like best?", "What colour do I like?",
          "Which colour do I prefer?"),
         "Your favourite colour is", "My favourite colour is", words.COLOUR, False,
         ("The favourite colour of {s} is {v}.", "{s} likes the colour {v}.",
          "{s} loves {v} things."),
         ("What is the favourite colour of {s}?", "What colour does {s} like?",
          "Which colour does {s} prefer?"),
         "The favourite colour of {s} is",
         ("The door was {v}.", "She wore a {v} coat.", "They painted the house {v}.")),
    Kind("birthday", ("My birthday is on {v}.", "I was born on {v}.", "I have my birthday on {v}.",
                      "I celebrate my birthday on {v}."),
         ("I was wrong, my birthday is on {v}.", "No, I was born on {v}."),
         ("When is my birthday?", "When was I born?", "On what day is my birthday?"),
         "Your birthday is on", "My birthday is on", ((), ()), True,
         ("The birthday of {s} is on {v}.", "{s} was born on {v}.",
          "{s} celebrates a birthday on {v}."),
         ("When is the birthday of {s}?", "When was {s} born?",
          "On what day is the birthday of {s}?"),
         "The birthday of {s} is on",
         ("The fair opens on {v}.", "We travel on {v}.", "The letter was dated {v}.")),
    Kind("language", ("My language is {v}.", "I speak {v}.", "I speak {v} at home.",
                      "My mother tongue is {v}.", "At home we all speak {v}."),
         ("Now I only speak {v}.", "These days I speak {v}."),
         ("What language do I speak?", "Which language do I speak?", "What is my language?",
          "What is my mother tongue?"),
         "You speak", "I speak", words.LANGUAGE, True,
         ("{s} speaks {v}.", "The language of {s} is {v}.", "{s} grew up with {v}."),
         ("What language does {s} speak?", "Which language does {s} speak?",
          "What is the language of {s}?"),
         "{s} speaks",
         ("I never learned {v}.", "The book was written in {v}.", "Few people here know {v}.")),
    Kind("hobby", ("My hobby is {v}.", "I spend my free time with {v}.", "I enjoy {v}.",
                   "In my free time I like {v}."),
         ("Now my hobby is {v}.", "I have a new hobby, {v}."),
         ("What is my hobby?", "What do I enjoy?", "What do I do in my free time?"),
         "Your hobby is", "My hobby is", words.HOBBY, False,
         ("The hobby of {s} is {v}.", "{s} enjoys {v}.", "In free hours {s} likes {v}."),
         ("What is the hobby of {s}?", "What does {s} enjoy?",
          "What does {s} do in free hours?"),
         "The hobby of {s} is",
         ("There is a club for {v}.", "I never tried {v}.", "They talked about {v}.")),
    Kind("instrument", ("I play the {v}.", "My instrument is the {v}.", "I can play the {v}.",
                        "I am learning to play the {v}."),
         ("Now I play the {v}.", "I gave it up, now I play the {v}."),
         ("What instrument do I play?", "Which instrument do I play?", "What is my instrument?"),
         "You play the", "I play the", words.INSTRUMENT, False,
         ("{s} plays the {v}.", "{s} can play the {v}.", "The instrument of {s} is the {v}."),
         ("What instrument does {s} play?", "Which instrument does {s} play?",
          "What is the instrument of {s}?"),
         "{s} plays the",
         ("Somebody played the {v} all night.", "The {v} was out of tune.",
          "I heard a {v} far away.")),
    Kind("friend", ("My best friend is {v}.", "The name of my best friend is {v}.",
                    "My closest friend is called {v}.", "I have a best friend called {v}."),
         ("Now my best friend is {v}.", "We quarrelled, my best friend is {v} now."),
         ("Who is my best friend?", "What is the name of my best friend?",
          "Do you know who my best friend is?"),
         "Your best friend is", "My best friend is", words.FIRST, True,
         ("The best friend of {s} is {v}.", "{s} has a best friend called {v}.",
          "The closest friend of {s} is {v}."),
         ("Who is the best friend of {s}?", "What is the name of the best friend of {s}?",
          "Which person is the best friend of {s}?"),
         "The best friend of {s} is",
         ("{v} was not at school today.", "I heard {v} laughing.", "I do not trust {v}.")),
    Kind("number", ("My lucky number is {v}.", "My number is {v}.", "My room number is {v}.",
                    "The number of my locker is {v}."),
         ("Now my number is {v}.", "My new number is {v}."),
         ("What is my number?", "Which number is mine?", "Do you remember my number?"),
         "Your number is", "My number is", ((), ()), False,
         ("The number of {s} is {v}.", "{s} has the number {v}.", "{s} was given the number {v}."),
         ("What is the number of {s}?", "Which number does {s} have?",
          "What number was {s} given?"),
         "The number of {s} is",
         ("There were {v} people.", "The bill was {v} in all.", "Page {v} is missing.")),
)}

RELATIONS = ("sister", "brother", "mother", "father", "aunt", "uncle", "cousin", "neighbour",
             "teacher", "friend", "grandmother", "boss")

UNKNOWN = "I do not know."

# Sentences about nothing that is ever asked.
OPENERS = ("The", "A", "One", "That", "Every", "Some", "This")
ADJECTIVES = ("old", "small", "quiet", "strange", "heavy", "bright", "broken", "empty", "long",
              "tired", "cheerful", "dusty", "narrow", "famous", "gentle", "slow", "wet", "ancient")
NOUNS = ("tree", "train", "house", "room", "lamp", "map", "ball", "poem", "song", "bell", "tunnel",
         "crowd", "ladder", "machine", "statue", "engine", "parcel", "fountain", "notebook", "bus",
         "radio", "camera", "ticket", "newspaper")
VERBS = ("stood", "waited", "was seen", "was found", "disappeared", "was sold", "stopped",
         "was left", "stayed", "fell over", "was hidden", "was kept", "was forgotten",
         "came to rest")
PLACES = ("near the station", "behind the hall", "in the rain season", "by the lake",
          "under the hill", "after lunch", "before noon", "for a long time",
          "at the end of the day", "on Sunday", "without a sound", "in the fog",
          "during the concert", "at the border", "as usual", "not far from here")
REMARKS = ("It is raining again.", "What a lovely day!", "I am a little tired.",
           "Let us talk later.", "That was a good meal.", "Nobody said a word.",
           "I have to go soon.", "It is getting late.", "I had a long day.",
           "Thank you for your help.", "The news was good.", "Let me think.",
           "There was nothing to do.", "I will tell you more.", "How are you today?",
           "I like talking to you.", "Two and two make four.", "Time passes quickly.")

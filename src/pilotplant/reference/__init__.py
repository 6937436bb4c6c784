"""The reference middleware: a correct, plain integration between PLM, ERP, MES, WMS, suppliers and the exception desk.

It imports nothing of the rest of pilotplant and knows the systems only over the wire, like any other middleware. Read
`app.py` first: it shows the whole from above. Two rules carry everything else:

* what was acknowledged is in the database, and what is in the database is carried out, however often the process dies;
* every outcome of a call is one of three (refused, not now, unsure), and only *refused* lets anyone conclude anything.
"""
